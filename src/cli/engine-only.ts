// tributary install --engine-only URL…: the bundled engine alone, without a shards.yaml.
import { readFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { resolve } from 'node:path';
import type { Database, Tls } from '../config/config.ts';
import { BadUrl, expandUrl, parseUrl, type UrlParts, urlWithoutSecrets } from '../config/url.ts';
import { sentenceFor } from '../errors/sentence.ts';
import { type EngineResult, engineScript, installEngine } from '../install/engine.ts';
import { placeOf } from '../install/facts.ts';
import { reachingServers } from '../install/reach.ts';
import type { CliContext } from './context.ts';
import { EXIT, Exit } from './exit.ts';
import { type Column, json, table, widthOf } from './output.ts';

interface Row {
  readonly url: string;
  readonly version: string | undefined;
  readonly outcome: 'installed' | 'upgraded' | 'unchanged' | 'failed';
  readonly mistake: string | undefined;
}

const COLUMNS: readonly Column<Row>[] = [
  { title: 'database', value: ({ url }) => url },
  { title: 'engine', value: ({ version }) => version },
  { title: 'outcome', value: ({ outcome }) => outcome },
];

export async function installEngines(
  context: CliContext,
  urls: readonly string[],
  {
    json: asJson,
    dryRun,
    verbose,
  }: { readonly json?: true; readonly dryRun?: true; readonly verbose?: true },
): Promise<void> {
  const databases = urls.flatMap((url, at) => databasesOf(url, at, context));
  const limited = reachingServers();
  const rows = await Promise.all(
    databases.map((database) =>
      limited(database, async (): Promise<Row> => {
        const url = database.displayUrl;
        try {
          const result = await installEngine(database, { isDry: dryRun === true });
          return { url, version: result.version, outcome: outcomeOf(result), mistake: undefined };
        } catch (error) {
          const mistake = sentenceFor(error, placeOf(database));
          return { url, version: undefined, outcome: 'failed', mistake };
        }
      }),
    ),
  );
  if (dryRun) context.stdout.write(`${engineScript({ whole: verbose === true })}\n`);
  context.stdout.write(
    asJson
      ? json({
          databases: rows.map((row) => ({
            ...row,
            version: row.version ?? null,
            mistake: row.mistake ?? null,
          })),
        })
      : table(COLUMNS, rows, { width: widthOf(context.stdout) }),
  );
  const mistakes = rows.flatMap(({ mistake }) => mistake ?? []);
  if (mistakes.length > 0) throw new Exit(EXIT.failed, mistakes.join('\n'));
}

const outcomeOf = ({ before, changed }: EngineResult): Row['outcome'] =>
  !changed ? 'unchanged' : before === undefined ? 'installed' : 'upgraded';

/** The password: from the URL, else PGPASSWORD or ~/.pgpass as everywhere. */
function databasesOf(text: string, at: number, { cwd, env }: CliContext): Database[] {
  try {
    return expandUrl(text).map((one): Database => {
      const url = parseUrl(one);
      const user = url.user ?? env.PGUSER ?? userInfo().username;
      const port = url.port ?? 5432;
      return {
        host: url.host,
        port,
        database: url.database,
        user,
        ...(url.password === undefined ? {} : { password: url.password }),
        tls: tlsOf(url, cwd),
        displayUrl: urlWithoutSecrets({ user, host: url.host, port, database: url.database }),
        ticker: 'auto',
      };
    });
  } catch (error) {
    if (!(error instanceof BadUrl)) throw error;
    throw new Exit(EXIT.wrong, `--engine-only: URL ${at + 1} ${error.message}.`);
  }
}

function tlsOf({ sslmode, sslrootcert }: UrlParts, cwd: string): Tls {
  if (sslmode === undefined && sslrootcert === undefined) return { mode: 'off' };
  if (sslmode === 'disable') return { mode: 'off' };
  if (sslrootcert === 'system') return { mode: 'verify' };
  if (sslrootcert !== undefined) {
    try {
      return { mode: 'verify', ca: readFileSync(resolve(cwd, sslrootcert), 'utf8') };
    } catch {
      throw new Exit(EXIT.wrong, `--engine-only: the certificate file ${sslrootcert} cannot be read.`);
    }
  }
  return { mode: sslmode?.startsWith('verify') ? 'verify' : 'require' };
}
