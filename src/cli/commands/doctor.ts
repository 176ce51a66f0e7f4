// tributary doctor: what is wrong, why, and what to do, the worst first.
import type { Command } from 'commander';
import { counted } from '../../errors/words.ts';
import { plain } from '../../lifecycle/plain.ts';
import type { Diagnosis } from '../../observability/doctor/diagnosis.ts';
import { type DoctorReport, examine } from '../../observability/doctor/doctor.ts';
import type { CliContext } from '../context.ts';
import { EXIT, Exit } from '../exit.ts';
import { wrapped } from '../terminal/fit.ts';
import { count, json, widthOf } from '../terminal/output.ts';

export function register(program: Command, context: CliContext): void {
  program
    .command('doctor')
    .description(
      'why anything is behind or stands still, and what to do; exits with 3 where something is wrong',
    )
    .option('--json', 'one JSON document')
    .action(async (options: { json?: true }) => {
      const config = await context.loadConfig({ queries: 'try' });
      const report = await examine(config);
      context.stdout.write(options.json ? json(asJson(report)) : textOf(report, widthOf(context.stdout)));
      if (report.diagnoses.length > 0) throw new Exit(EXIT.unhealthy);
    });
}

/** Names in one line. */
const MOST_NAMED = 5;
const INDENT = '  ';

function textOf(report: DoctorReport, width: number | undefined): string {
  const { diagnoses, unasked } = report;
  const lines = diagnoses.flatMap((one) => [...linesOf(one, width), '']);
  const notes = unasked
    .slice(0, MOST_NAMED)
    .map(({ shard, reason }) =>
      wrapped(plain(`note: shard ${shard} could not be asked from here. ${reason}`), width),
    );
  const more = unasked.length - MOST_NAMED;
  if (more > 0) notes.push(`note: nor could ${count(more)} more.`);
  return `${[...lines, ...notes, wrapped(summaryOf(report), width)].join('\n')}\n`;
}

function linesOf(
  { severity, sentence, names, evidence, remedy, command }: Diagnosis,
  width?: number,
): string[] {
  const head = severity === 'broken' ? 'BROKEN' : 'risk';
  const more = names.length - MOST_NAMED;
  const named =
    names.length === 1
      ? ''
      : `${names.slice(0, MOST_NAMED).join(', ')}${more > 0 ? ` and ${count(more)} more` : ''}`;
  return [
    wrapped(plain(`${head}: ${sentence}`), width),
    ...[named, evidence.join('; '), remedy].flatMap((text) =>
      text === '' ? [] : [wrapped(`${INDENT}${plain(text)}`, width)],
    ),
    // Never broken: it is there to be copied.
    ...(command === undefined ? [] : [`${INDENT}${INDENT}${plain(command)}`]),
  ];
}

/** `2 broken, 1 at risk; 1,278 of 1,280 sources and 4 of 5 central queues are well.` */
function summaryOf({ lag, diagnoses }: DoctorReport): string {
  const broken = diagnoses.filter(({ severity }) => severity === 'broken').length;
  const risks = diagnoses.length - broken;
  const found = [broken === 0 ? '' : `${count(broken)} broken`, risks === 0 ? '' : `${count(risks)} at risk`]
    .filter((one) => one !== '')
    .join(', ');
  if (lag === undefined) return `${found}: what central knows is not known.`;
  const named = (of: Diagnosis['of'], all: readonly string[]) =>
    new Set(diagnoses.flatMap((one) => (one.of === of ? one.names.filter((name) => all.includes(name)) : [])))
      .size;
  const well = (all: number, ill: number, noun: string) =>
    ill === 0 ? counted(all, noun) : `${count(all - ill)} of ${counted(all, noun)}`;
  const sources = well(
    lag.sources.length,
    named(
      'source',
      lag.sources.map(({ shard, queue }) => `${shard}:${queue}`),
    ),
    'source',
  );
  const queues = well(
    lag.central.length,
    named(
      'queue',
      lag.central.map(({ queue }) => queue),
    ),
    'central queue',
  );
  return diagnoses.length === 0
    ? `All is well: ${sources} and ${queues}.`
    : `${found}; ${sources} and ${queues} are well.`;
}

/** Stable keys. */
const asJson = ({ lag, diagnoses, unasked }: DoctorReport) => ({
  at: lag?.at.toISOString() ?? null,
  healthy: diagnoses.length === 0,
  diagnoses: diagnoses.map(({ command, ...one }) => ({ ...one, command: command ?? null })),
  unasked,
});
