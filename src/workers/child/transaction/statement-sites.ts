// Where a handler sent a statement that failed, for the error's stack.
//
// A handler that awaits the statement is found by Node.js itself when it fails. Behind a library with promises of its own it
// is not; the place then has to be taken down before, which costs more than all the rest that is done for a statement
// (some 15 µs), so that begins only with the first error that names nobody.

/** A frame of code that is neither Node.js, nor a package, nor ours: `await` in the user's code, or a call. */
const USERS = /^\s+at (?!.*(?:node:|[\\/]node_modules[\\/]|[\\/]dist[\\/](?:run|workers)[\\/])).*[\\/]/m;

export class StatementSites {
  #areKept = false;

  /** Whether the place of each statement is to be taken down. */
  get areKept(): boolean {
    return this.#areKept;
  }

  /** Gives the error the place where its statement was sent; without one, places are kept from here on where it names nobody. */
  name(error: Error, site: string | undefined): void {
    if (site !== undefined) error.stack = site.replace(/^.*/, () => String(error));
    else this.#areKept = !USERS.test(error.stack ?? '');
  }
}

/** The stack of whoever called `from`. */
export function siteOf(from: (...args: never[]) => unknown): string {
  const site: { stack?: string } = {};
  Error.captureStackTrace(site, from);
  return site.stack ?? '';
}
