/**
 * Parts that follow a setting which may change while the relay runs.
 */

/** What `make` makes of the setting; made again once the setting is another. */
export function follow<Value, Made>(setting: () => Value, make: (value: Value) => Made): () => Made {
  let value = setting();
  let made = make(value);
  return () => {
    const now = setting();
    if (now !== value) {
      made = make(now);
      value = now;
    }
    return made;
  };
}
