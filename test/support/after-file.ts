// Cleans up after each test file. Files share a process and the modules that they import, so a hook that a module registers
// would run after the first file only.
//
// Order: a module cleans up before the modules that it imports.
type CleanUp = () => unknown;

const cleanUps: CleanUp[] = [];

/** Called by a helper module when it is loaded: `cleanUp` runs after this test file and each later one. */
export function afterEachFile(cleanUp: CleanUp): void {
  cleanUps.push(cleanUp);
}

/** Runs all of them, also when one fails. */
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
