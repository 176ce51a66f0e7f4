// Commands in sentences: what is pasted into a shell must reach the command as one word.

/** Nothing in it means anything to a shell. */
const PLAIN = /^[\w@%+=:,./-]+$/;

/** The text as one word of a shell, in quotes where it needs them. */
export const shellWord = (text: string): string => (PLAIN.test(text) ? text : quoted(text));

/** In quotes, of which there are the same in all shells. */
export const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
