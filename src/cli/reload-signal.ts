/**
 * SIGHUP asks a running command to read its configuration again. Signals that
 * come while it does so are answered by one more reading after it.
 */
export function watchReloadSignal(reload: () => Promise<void>): Disposable {
  let running = false;
  let again = false;
  const onSignal = async () => {
    again = true;
    if (running) return;
    running = true;
    while (again) {
      again = false;
      await reload();
    }
    running = false;
  };
  const listener = () => void onSignal();
  process.on("SIGHUP", listener);
  return { [Symbol.dispose]: () => process.off("SIGHUP", listener) };
}
