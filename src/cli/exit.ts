// The exit codes that scripts depend on, and the one way for a command to end with another one than 0.

export const EXIT = {
  done: 0,
  failed: 1,
  /** Wrong usage of the command line, or a configuration with mistakes. */
  wrong: 2,
  /** The command did its work, and found something that is not healthy (`check`, `lag --max`). */
  unhealthy: 3,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Thrown by a command to end the program; the sentence, where there is one, goes to stderr as it is. */
export class Exit extends Error {
  readonly code: ExitCode;

  constructor(code: ExitCode, sentence = '') {
    super(sentence);
    this.code = code;
  }
}
