// eslint-disable-next-line no-control-regex -- ASCII begins at NUL.
const ASCII = /^[\x00-\x7f]*$/;

/** Of a string; `isAscii` of node:buffer is for bytes. */
export const isAsciiText = (text: string): boolean => ASCII.test(text);
