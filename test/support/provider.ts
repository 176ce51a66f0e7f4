// Which PgQ this run is about: our bundled engine, or the real extension.
import { TributaryError } from '../../src/errors/tributary-error.ts';

export type TestProvider = 'engine' | 'extension';

/** From TRIBUTARY_TEST_PROVIDER; default `engine`. */
export function provider(): TestProvider {
  const named = process.env.TRIBUTARY_TEST_PROVIDER ?? 'engine';
  if (named === 'engine' || named === 'extension') return named;
  throw new TributaryError(`TRIBUTARY_TEST_PROVIDER is ${named}.`, {
    code: 'test-provider',
    kind: 'misconfigured',
    remedy: 'Set it to engine or extension.',
  });
}
