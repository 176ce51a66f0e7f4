// A shard's entry of the file at another address.
import type { Shard } from '../../../config/config.ts';
import { compact, toDatabase } from '../../../config/sections/database.ts';
import { expandUrl, parseUrl } from '../../../config/url/url.ts';
import { BadUrl } from '../../../config/url/url-parts.ts';
import type { TextPlace } from '../../../config/value.ts';
import type { CliContext } from '../../context.ts';
import { EXIT, Exit } from '../../exit.ts';

/** What the URL leaves open is as in the entry. @throws Exit where it is no URL of one database. */
export function entryAt(
  url: string,
  {
    entry,
    option,
    context: { cwd, env, stderr },
  }: { readonly entry: Shard; readonly option: string; readonly context: CliContext },
): Shard {
  const value: TextPlace = {
    name: option,
    source: { env, folder: cwd },
    problem: (sentence) => {
      throw new Exit(EXIT.wrong, sentence);
    },
    warn: (sentence) => void stderr.write(`warning: ${sentence}\n`),
  };
  const { user, password, tls, admin, ticker, schema } = entry;
  try {
    const urls = expandUrl(url).map(parseUrl);
    const [only] = urls;
    if (only === undefined || urls.length > 1) throw new BadUrl('must name one database');
    const defaults = compact({ user, password, tls, admin, ticker, schema });
    const database = toDatabase(only, { own: {}, defaults, value });
    if (database === undefined) throw new BadUrl('names no database');
    return compact({ ...database, name: entry.name, moverHost: entry.moverHost, schema, start: entry.start });
  } catch (error) {
    if (!(error instanceof BadUrl)) throw error;
    throw new Exit(EXIT.wrong, `${option} ${error.message}.`);
  }
}
