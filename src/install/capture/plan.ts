// Plans what capturing changes on one shard, from facts alone. Pure.
import type { Config, Shard } from '../../config/config.ts';
import { identifier, literal } from '../../postgres/quote.ts';
import { type CapturedTable, judgeTables } from './judge.ts';
import { noteText } from './note.ts';
import type { CaptureFacts } from './tables.ts';
import { sqlName } from './triggers.ts';

/** One transaction on the shard. */
export interface CaptureWork {
  /** For people: `capture public.orders into queue orders by jsontriga`. */
  readonly what: string;
  /** Statements with semicolons. */
  readonly sql: string;
  /** It only adds what is not there at all. */
  readonly isAddition: boolean;
}

/** As text. */
export const captureScript = ({ what, sql }: CaptureWork): string => `-- ${what}\nbegin;\n${sql}\ncommit;`;

export interface CapturePlan {
  readonly tables: readonly CapturedTable[];
  readonly work: readonly CaptureWork[];
  /** Why tables cannot be captured. */
  readonly refusals: readonly string[];
  /** What else is wrong. */
  readonly mistakes: readonly string[];
  readonly warnings: readonly string[];
}

export interface CaptureSituation {
  readonly config: Pick<Config, 'name' | 'captures'>;
  readonly shard: Pick<Shard, 'schema'>;
  /** How the shard is named in sentences. */
  readonly place: string;
  readonly facts: CaptureFacts;
  /** Queues that are there, or will be, and take events. */
  readonly queues: ReadonlySet<string>;
  /** The role that asked. */
  readonly role: string;
}

export function planCapture(situation: CaptureSituation): CapturePlan {
  const { config, shard, place, facts, queues } = situation;
  const tables = judgeTables(config, shard, facts);
  const open = tables.filter(
    ({ state }) => state === 'missing' || state === 'disabled' || state === 'changed',
  );
  const lacking = new Set(
    tables.flatMap(({ wanted }) =>
      wanted === undefined || queues.has(wanted.capture.queue) ? [] : [wanted.capture],
    ),
  );
  const ready = open.filter(
    ({ fact, wanted }) => fact?.mayOwn === true && wanted !== undefined && !lacking.has(wanted.capture),
  );
  const unable = [...new Set(ready.flatMap(({ fact }) => fact?.unable ?? []))].filter(
    (role) => role !== 'public',
  );
  const isBlocked = unable.length > 0 && (facts.writerRole === undefined || !facts.mayGrantWriter);
  return {
    tables,
    work: isBlocked
      ? []
      : [...unable.map((role) => grant(role, facts)), ...ready.map((one) => workOn(one, config))],
    refusals: tables.flatMap(({ capture, table, state, why }) =>
      state === 'refused'
        ? why.map((one) => `${place}: table ${table} cannot be captured (capture ${capture}): ${one}.`)
        : [],
    ),
    mistakes: [
      ...[...lacking].map(
        ({ name, queue }) =>
          `${place} has no queue ${queue} that takes events, which capture ${name} fills${
            tables.some((one) => one.capture === name && one.triggers.length > 0)
              ? ', and the statements of the application fail on tables that have its triggers'
              : ''
          }: \`tributary install\` makes it, or tells why not.`,
      ),
      ...open.flatMap(({ fact, table }) =>
        fact?.mayOwn === false
          ? [
              `${place}: table ${table} belongs to role ${fact.owner}, and only a member of that may give it triggers: an administrator runs \`grant ${identifier(fact.owner)} to ${identifier(situation.role)}\`, or give \`admin:\` such a role.`,
            ]
          : [],
      ),
      ...(isBlocked ? unable.map((role) => cannotWrite(role, situation)) : []),
    ],
    warnings: warningsOf(tables, situation),
  };
}

/** Triggers run as the role that writes to the table: without this right its own statements would fail. */
const grant = (role: string, { writerRole = '' }: CaptureFacts): CaptureWork => ({
  what: `let role ${role} put events into queues (${writerRole})`,
  sql: `grant ${identifier(writerRole)} to ${identifier(role)};`,
  isAddition: true,
});

const cannotWrite = (
  role: string,
  { place, facts: { writerRole }, shard: { schema }, role: asker }: CaptureSituation,
): string =>
  `${place}: role ${role} writes to tables that are captured, and may not put events into queues, so its statements would fail; role ${asker} may not let it: an administrator runs \`${
    writerRole === undefined
      ? `grant execute on all functions in schema ${schema} to ${identifier(role)}`
      : `grant ${identifier(writerRole)} to ${identifier(role)}`
  }\`.`;

function workOn(
  { capture, table, state, why, fact, wanted, triggers }: CapturedTable,
  config: Pick<Config, 'name'>,
): CaptureWork {
  if (fact === undefined || wanted === undefined) throw new Error(`Table ${table} cannot be captured.`);
  const on = sqlName(fact);
  const into = `into queue ${wanted.capture.queue} by ${wanted.triggers[0]?.function}`;
  const superfluous = triggers.filter(({ name }) => !wanted.triggers.some((one) => one.name === name));
  const disabled = triggers.filter(
    ({ enabled, disabledOn }) => enabled === 'D' || enabled === 'R' || disabledOn !== null,
  );
  const note = noteText(config.name, {
    ...{ made: wanted.made, columns: fact.columns, key: wanted.key },
    ...(fact.kind === 'p' && { parts: fact.parts.map(([name]) => name) }),
  });
  return {
    what:
      state === 'missing' && triggers.length === 0
        ? `capture ${table} ${into} (capture ${capture})`
        : `renew the triggers of ${table} ${into} (capture ${capture}): ${why.join(', ')}`,
    sql: [
      ...superfluous.map(({ name }) => `drop trigger ${identifier(name)} on ${on};`),
      ...wanted.triggers.flatMap(({ name, sql }) => [
        `${sql};`,
        ...(disabled.some((one) => one.name === name)
          ? [`alter table ${on} enable trigger ${identifier(name)};`]
          : []),
        `comment on trigger ${identifier(name)} on ${on} is ${literal(note)};`,
      ]),
    ].join('\n'),
    isAddition: triggers.length === 0,
  };
}

/** What takes the triggers off again. */
export function removalOf({ capture, table, fact, triggers }: CapturedTable): CaptureWork | undefined {
  if (fact === undefined || triggers.length === 0) return undefined;
  return {
    what: `capture ${table} no longer (capture ${capture})`,
    sql: triggers
      .map(({ name }) => `drop trigger if exists ${identifier(name)} on ${sqlName(fact)};`)
      .join('\n'),
    isAddition: false,
  };
}

function warningsOf(tables: readonly CapturedTable[], { place, facts, config }: CaptureSituation): string[] {
  const ids = new Set(tables.map(({ fact }) => fact?.id));
  const live = tables.filter(({ state }) => state !== 'left-over' && state !== 'refused');
  const used = new Set(tables.map(({ capture }) => capture));
  return [
    ...(config.captures ?? []).flatMap(({ name }) =>
      used.has(name) ? [] : [`${place} has no table that capture ${name} names.`],
    ),
    ...live.flatMap(({ table, fact, wanted }) => {
      const [other] = fact?.others.find(([, queue]) => queue === wanted?.capture.queue) ?? [];
      const queue = wanted?.capture.queue;
      return other === undefined
        ? []
        : [
            `${place}: trigger ${other} on table ${table} writes to queue ${queue} too: drop it, or each change comes twice.`,
          ];
    }),
    ...live.flatMap(({ table, fact }) =>
      fact?.kind === 'r' && fact.children.some((id) => !ids.has(id))
        ? [`${place}: tables inherit from ${table} and are not captured with it: name them as well.`]
        : [],
    ),
    ...live.flatMap(({ table, fact }) =>
      fact?.unable.includes('public') === true && facts.writerRole !== undefined
        ? [
            `${place}: every role may write to ${table} (public), and fails there without \`grant ${facts.writerRole} to ROLE\`.`,
          ]
        : [],
    ),
  ];
}
