// From the file to a frozen Config, or to all its mistakes at once.
import type { Config, Problem } from './config.ts';

/** Either a configuration or what is wrong with the file; `config === undefined` tells which. */
export type LoadResult =
  | { readonly config: Config; readonly problems?: undefined; readonly warnings: readonly Problem[] }
  | {
      readonly config?: undefined;
      readonly problems: readonly Problem[];
      readonly warnings: readonly Problem[];
    };

export interface LoadOptions {
  /** Where `!env NAME` looks; default process.env. */
  readonly env?: NodeJS.ProcessEnv;
  /** What a relative `path` is relative to; default the working directory. */
  readonly cwd?: string;
}

/** @param path as the user wrote it: problems name the file like that. */
export function loadConfig(path: string, _options: LoadOptions = {}): LoadResult {
  return {
    problems: [{ file: path, line: 1, column: 1, sentence: 'Reading is not built yet.' }],
    warnings: [],
  };
}
