// What is cleared away after each test file. Files share a process, and with it the modules that they import: a hook of a
// module would be run after the first file alone.
//
// Order: whoever imports another module clears away before it.
type CleanUp = () => unknown;

const cleanUps: CleanUp[] = [];

/** For modules of helpers, once when they are loaded: `cleanUp` is run after this test file and each later one. */
export function afterEachFile(cleanUp: CleanUp): void {
  cleanUps.push(cleanUp);
}

/** All of them, also when one fails. */
export async function cleanUp(): Promise<void> {
  const errors: unknown[] = [];
  for (const cleanUp of cleanUps.toReversed()) {
    try {
      await cleanUp();
    } catch (error) {
      errors.push(error);
    }
  }
  if (errors.length > 1) throw new AggregateError(errors, errors.map(String).join('\n'));
  if (errors.length === 1) throw errors[0];
}
