// tributary plan: says what install would change, without a write.

import type { Command } from 'commander';
import { counted } from '../../errors/words.ts';
import { dryRun } from '../../install/dry-run.ts';
import type { InstallRow } from '../../install/report.ts';
import type { CliContext } from '../context.ts';
import { EXIT, Exit } from '../exit.ts';
import { json } from '../terminal/output.ts';

export function register(program: Command, context: CliContext): void {
  program
    .command('plan')
    .description('tells what install would change, without a write')
    .option('--json', 'one JSON document')
    .action(async (options: { json?: true }) => {
      const config = await context.loadConfig();
      const { rows, leftOver } = await dryRun(config);
      const mistakes = rows.flatMap((row) => row.mistakes);
      if (options.json) {
        context.stdout.write(
          json({
            changes: rows.map(({ name, did, mistakes, warnings }) => ({
              name,
              changes: did,
              mistakes,
              warnings,
            })),
            left_over: leftOver.map(({ shard, queue }) => ({ shard, queue })),
          }),
        );
      } else context.stdout.write(text(rows, leftOver));
      if (mistakes.length > 0) throw new Exit(EXIT.failed, mistakes.join('\n'));
    });
}

function text(
  rows: readonly InstallRow[],
  leftOver: readonly { readonly shard: string; readonly queue: string }[],
): string {
  const changing = rows.filter(({ did }) => did.length > 0);
  const lines = changing.flatMap(({ name, did }) => [`${name}:`, ...did.map((what) => `  + ${what}`)]);
  for (const { shard, queue } of leftOver) {
    lines.push(
      `  - ${shard}:${queue} is no longer in the file and is left as it is: docs/operating.md tells how to let go of it.`,
    );
  }
  const unchanged = rows.filter(({ did, mistakes }) => did.length + mistakes.length === 0).length;
  const asItSays = `${counted(unchanged, 'database is', 'databases are')} as the file says`;
  const wrong = rows.filter(({ mistakes }) => mistakes.length > 0).length;
  lines.push(
    changing.length + leftOver.length === 0 && unchanged === rows.length
      ? `Nothing to change: ${asItSays}.`
      : `${counted(changing.length, 'database')} would change, ${asItSays}${wrong === 0 ? '' : `, ${counted(wrong, 'is', 'are')} not fit to be installed`}.`,
  );
  return `${lines.join('\n')}\n`;
}
