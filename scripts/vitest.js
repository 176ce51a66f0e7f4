// Starts vitest in the same process, so that a signal to one of our scripts reaches vitest.
import { parseCLI, startVitest } from 'vitest/node';

/**
 * @param {readonly string[]} projects of vitest.config.ts
 * @param {readonly string[]} more further arguments as `vitest run` takes them
 */
export async function runTests(projects, more = []) {
  const named = projects.flatMap((project) => ['--project', project]);
  const { filter, options } = parseCLI(['vitest', 'run', ...named, ...more]);
  const vitest = await startVitest('test', filter, options);
  await vitest.exit();
}
