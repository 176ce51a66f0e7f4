// Databases that a command line names by URLs, for commands that need no file.
import type { Database } from '../config/config.ts';
import { toDatabase } from '../config/sections/database.ts';
import { expandUrl, parseUrl } from '../config/url/url.ts';
import { BadUrl } from '../config/url/url-parts.ts';
import type { TextPlace } from '../config/value.ts';
import type { CliContext } from './context.ts';
import { EXIT, Exit } from './exit.ts';

/** Parts that the URL leaves open come from PG* variables, service files and ~/.pgpass, as for the file. */
export function databasesAt(text: string, name: string, { cwd, env, stderr }: CliContext): Database[] {
  const value: TextPlace = {
    name,
    source: { env, folder: cwd },
    problem: (sentence) => {
      throw new Exit(EXIT.wrong, sentence);
    },
    warn: (sentence) => void stderr.write(`warning: ${sentence}\n`),
  };
  try {
    return expandUrl(text).flatMap(
      (one) => toDatabase(parseUrl(one), { own: {}, defaults: {}, value }) ?? [],
    );
  } catch (error) {
    if (!(error instanceof BadUrl)) throw error;
    throw new Exit(EXIT.wrong, `${value.name} ${error.message}.`);
  }
}
