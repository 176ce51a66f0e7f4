// The one class of error that we throw on purpose: what happened, to what, and what to do about it.
import type { ErrorCode } from './codes.ts';

/**
 * What the code that catches it should do:
 * - `retryable`: the same again later may work (network, restart, deadlock);
 * - `halting`: this source or worker must stop until an operator acts; trying again would do harm or never work;
 * - `misconfigured`: refuse to start; a file, a privilege or an argument is wrong;
 * - `internal`: a defect of ours.
 */
export type ErrorKind = 'retryable' | 'halting' | 'misconfigured' | 'internal';

export interface TributaryErrorOptions {
  /** A stable short name; what each means is in codes.ts. */
  readonly code: ErrorCode;
  readonly kind: ErrorKind;
  /** What to do, as a sentence; it is appended to the message. */
  readonly remedy?: string;
  readonly cause?: unknown;
}

export class TributaryError extends Error {
  override readonly name = 'TributaryError';
  readonly code: ErrorCode;
  readonly kind: ErrorKind;
  readonly remedy: string | undefined;

  /** @param what one sentence that names the thing; never contains a secret. */
  constructor(what: string, { code, kind, remedy, cause }: TributaryErrorOptions) {
    super(remedy === undefined ? what : `${what} ${remedy}`, cause === undefined ? {} : { cause });
    this.code = code;
    this.kind = kind;
    this.remedy = remedy;
  }
}

/** Never throws, whatever was thrown. */
export function isOurs(error: unknown): error is TributaryError {
  try {
    return error instanceof TributaryError;
  } catch {
    return false;
  }
}
