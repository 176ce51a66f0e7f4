// One run of retire, split or merge: the plan, the question, the work, the proof.
import type { CentralLink } from '../../../central/central-link.ts';
import type { Note } from '../../../central/logbook/note.ts';
import { nearest } from '../../../config/nearest.ts';
import { counted } from '../../../errors/words.ts';
import {
  carryOut,
  closeAll,
  findSuccession,
  type Succession,
  waitingNow,
} from '../../../succession/carry-out.ts';
import { faultsOf, proofOf } from '../../../succession/proof.ts';
import type { CliContext } from '../../context.ts';
import { durationOption } from '../../duration-option.ts';
import { EXIT, Exit } from '../../exit.ts';
import { operator } from '../../operator.ts';
import { shardNamed } from '../../shard-named.ts';
import { mustConfirm } from '../../terminal/confirm.ts';
import { json, table, widthOf } from '../../terminal/output.ts';
import { drainProgress } from './drain-progress.ts';
import { namesListed } from './names-listed.ts';
import { PROOF_COLUMNS } from './proof-columns.ts';
import { withCentral } from './with-central.ts';

export interface EndOptions {
  readonly cut?: true;
  readonly gone?: true;
  readonly wait: string;
  readonly dryRun?: true;
  readonly yes?: true;
  readonly json?: true;
}

/** As it was said: of a merge also `olds`, and of a split also `into` may be lists with commas. */
export interface Meant {
  readonly kind: Note['kind'] & ('shard-retire' | 'shard-split' | 'shard-merge');
  readonly olds: readonly string[];
  readonly into: readonly string[];
}

export async function runEnding(context: CliContext, said: Meant, options: EndOptions): Promise<void> {
  const { kind } = said;
  const patienceMs = durationOption('--wait', options.wait);
  const config = await context.loadConfig();
  const ofFile = new Set(config.shards.map(({ name }) => name));
  const into = namesListed(said.into, ofFile);
  if (kind === 'shard-split' && into.length === 0)
    throw new Exit(EXIT.wrong, 'Say with --into which shards of the file take its place.');
  if (kind === 'shard-merge' && into.length !== 1)
    throw new Exit(
      EXIT.wrong,
      `Say with --into which one shard of the file takes their place${into.length === 0 ? '' : `, not ${into.map((name) => `\`${name}\``).join(' and ')}`}.`,
    );
  const news = into.map((name) => shardNamed(config, name));
  await withCentral(config, async (link, consumer) => {
    const known = new Set([...ofFile, ...(await ofCentral(link))]);
    const olds = kind === 'shard-merge' ? namesListed(said.olds, known) : said.olds;
    if (olds.length === 0) throw new Exit(EXIT.wrong, 'Name the shards that end.');
    const meant = { kind, olds, into };
    for (const name of olds) mustBeKnown(known, name);
    if (olds.every((name) => into.includes(name)))
      throw new Exit(EXIT.wrong, `Shard ${olds.join(' and ')} cannot take its own place: nothing would end.`);
    const isGone = options.gone === true;
    const found = await findSuccession({ config, link, consumer, olds, news, isGone });
    try {
      const plan = await planOf(found, options);
      if (options.dryRun) {
        context.stdout.write(
          options.json ? json({ plan, done: false }) : `Would do this:\n${plan.join('\n')}\n`,
        );
        return;
      }
      if (options.yes !== true)
        await mustConfirm(context, {
          sentence: plan.join('\n'),
          question: 'Shall I do it?',
          verb: 'do it',
        });
      else if (!options.json) context.stderr.write(`${plan.join('\n')}\n`);
      const progress = drainProgress(context, olds.join(', '));
      await carryOut(found, {
        ...{ patienceMs, signal: context.signal, onLook: progress.look },
        operator: operator(),
        isCut: options.cut === true,
        note: noteOf(meant, found),
      }).finally(() => progress.end());
      await prove(context, found, options);
      if (!options.json) context.stdout.write(`${nextStep(found)}\n`);
    } finally {
      await closeAll(found.sides);
    }
  });
}

/** Names of shards that central has, and of those that have ended there. */
async function ofCentral(link: CentralLink): Promise<string[]> {
  const names = 'select shard from tributary.source union select shard from tributary.retired_source';
  return (await link.query<{ shard: string }>(names)).map(({ shard }) => shard);
}

/** @throws Exit where neither central nor the file has such a shard. */
function mustBeKnown(known: ReadonlySet<string>, name: string): void {
  if (known.has(name)) return;
  const near = nearest(name, known);
  const help = near === undefined ? 'it knows none of a similar name.' : `did you mean \`${near}\`?`;
  throw new Exit(EXIT.wrong, `Central knows no shard \`${name}\`: ${help}`);
}

/** What will be done, in the order in which it is done; what cannot be undone says so. */
async function planOf(found: Succession, { cut, gone }: EndOptions): Promise<string[]> {
  const { ends, begins, request } = found;
  const goOn = request.olds.filter((name) => !ends.some((one) => one.name === name));
  const waiting = await waitingNow(found);
  return [
    ...ends.map(({ name, sources, moved, retired }) =>
      sources === 0
        ? `- Shard ${name} has ended on central already (${retired[0]?.at ?? 'at an unknown time'}): what is left is done.`
        : gone
          ? `- Shard ${name} ends unseen: ${counted(sources, 'source')}, ${counted(moved, 'event')} moved. What is on it and not in central is lost. This cannot be undone.`
          : `- Shard ${name} ends: ${counted(sources, 'source')}, ${counted(moved, 'event')} moved, ${counted(waiting, 'event')} to be moved first. Then our consumer is unregistered there, and its rotation may take what is in central. This cannot be undone; its name stays taken for ever.`,
    ),
    ...(cut
      ? [
          '- Its producers may go on: they wait for at most a few seconds, and what they write after that is left out.',
        ]
      : []),
    ...goOn.map((name) => `- Shard ${name} goes on as it is.`),
    ...begins.map(({ shard: { name }, isThere, copies, waiting: own }) =>
      isThere
        ? `- Shard ${name} has sources already and goes on as it is: the order of its events and those of ${request.olds.join(', ')} is not kept.`
        : copies.length > 0
          ? `- Shard ${name} is a copy and begins at ${copies.map(({ tick, queue, copyOf }) => `tick ${tick.id} of ${queue}, which ${copyOf} ended behind`).join('; ')}: ${counted(own, 'event')} wait there.`
          : `- Shard ${name} begins behind the end: ${counted(own, 'event')} wait there, all of them are moved then.`,
    ),
  ];
}

function noteOf({ kind, olds, into }: Meant, { ends }: Succession): Note {
  const sources = ends.reduce((sum, one) => sum + one.sources, 0);
  const what = `${olds.join(' and ')} (${counted(sources, 'source')})`;
  if (kind === 'shard-retire') return { kind, what: `retired shard ${what}.` };
  const verb = kind === 'shard-split' ? 'split shard' : 'merged shards';
  return { kind, what: `${verb} ${what} into ${into.join(' and ')}.` };
}

async function prove(context: CliContext, found: Succession, options: EndOptions): Promise<void> {
  const rows = await proofOf(found);
  const faults = faultsOf(rows, { isCut: options.cut === true });
  context.stdout.write(
    options.json
      ? json({ sources: rows, faults, done: true })
      : table(PROOF_COLUMNS, rows, { width: widthOf(context.stdout) }),
  );
  if (faults.length > 0) throw new Exit(EXIT.failed, faults.join('\n'));
}

function nextStep({ ends, request: { config, news } }: Succession): string {
  const out = ends.map(({ name }) => name).filter((name) => config.shards.some((one) => one.name === name));
  return [
    out.length === 0 ? '' : `Now take ${out.join(' and ')} out of ${config.file} on every host.`,
    news.length === 0
      ? ''
      : `Movers that run with a file without ${news.map(({ name }) => name).join(' and ')} do not move what begins: give every host this file.`,
  ]
    .filter((sentence) => sentence !== '')
    .join(' ');
}
