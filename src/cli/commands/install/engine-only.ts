// tributary install --engine-only URL…: the bundled engine alone, without a shards.yaml.
import { sentenceFor } from '../../../errors/sentence.ts';
import { placeOf } from '../../../install/facts/database.ts';
import { reachingServers } from '../../../install/facts/reach.ts';
import { type EngineResult, installEngine } from '../../../install/install-engine.ts';
import { engineScript } from '../../../install/plan/engine.ts';
import type { CliContext } from '../../context.ts';
import { databasesAt } from '../../database-urls.ts';
import { EXIT, Exit } from '../../exit.ts';
import { type Column, json, table, widthOf } from '../../terminal/output.ts';

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
  const databases = urls.flatMap((url, at) => databasesAt(url, `--engine-only: URL ${at + 1}`, context));
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
