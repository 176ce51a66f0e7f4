// All causes that `doctor` knows, the worst first: what each is about, what it means, and what to do. docs/doctor.md lists them.
import type { Diagnosis } from './diagnosis.ts';

interface CauseFacts {
  readonly of: Diagnosis['of'];
  /** For the documentation. */
  readonly means: string;
  /** What to do, where a judge knows nothing better. */
  readonly remedy: string;
}

export const CAUSES = {
  'central-away': {
    of: 'central',
    means: 'central does not answer, so nothing is moved or handled, and nothing is known',
    remedy: 'See whether its server runs and can be reached; nothing is lost meanwhile.',
  },
  'central-younger': {
    of: 'queue',
    means: 'central was restored into a server with lower transaction ids: its queues stand still',
    remedy: 'See docs/operating.md, "central was restored".',
  },
  'lock-held': {
    of: 'shard',
    means: 'one of our sessions waits for a lock that another session holds, on a shard or on central',
    remedy: 'Let that session end, or end it.',
  },
  'queue-missing': {
    of: 'queue',
    means: 'a central queue of the file does not exist',
    remedy: 'Run the command below, which creates it.',
  },
  'group-missing': {
    of: 'queue',
    means: 'the group of the workers is not registered on its queue',
    remedy: 'Run the command below; events may be gone, which it says.',
  },
  'tick-gone': {
    of: 'queue',
    means: 'a tick at which the group of the workers stands does not exist any more',
    remedy: 'Move the group to a tick that exists, with pgq.register_consumer_at.',
  },
  'central-refuses': {
    of: 'source',
    means: 'movers run, and central takes none of their commits',
    remedy: 'Mend what the sentence names; events wait on their shards until then.',
  },
  'shard-away': {
    of: 'source',
    means: 'a shard cannot be reached, or refuses us',
    remedy: 'Mend what the sentence names; the shard is tried again all the time, and all others go on.',
  },
  'no-mover': {
    of: 'source',
    means: 'no mover moves the shard',
    remedy: 'Start the mover.',
  },
  'mover-silent': {
    of: 'source',
    means: 'a mover holds the shard and does not report',
    remedy: 'See its log and its connection to central, or start it again.',
  },
  halted: {
    of: 'source',
    means: 'the source is halted, because going on could lose events or move them twice',
    remedy: 'See what each way on would do, then choose one.',
  },
  'source-fails': {
    of: 'source',
    means: 'reading or committing the source fails through its own fault',
    remedy: 'Mend what the sentence names; it is tried again.',
  },
  'shard-silent': {
    of: 'source',
    means: 'a shard is connected and does not answer',
    remedy: 'See whether its server hangs, is overloaded, or waits for a lock.',
  },
  'not-installed': {
    of: 'source',
    means: 'the file names a source that central does not know, or knows otherwise',
    remedy: 'Run the command below.',
  },
  renamed: {
    of: 'source',
    means: 'the file has a former name of the shard',
    remedy: 'Write the present name into the file.',
  },
  'not-in-file': {
    of: 'source',
    means: 'central knows a source that the file does not name',
    remedy: 'Put it back, or let go of it as docs/operating.md tells.',
  },
  'no-ticker': {
    of: 'source',
    means: 'events wait for a tick: the ticker is paused, external, or gone',
    remedy: 'Let somebody tick, as the sentence says.',
  },
  'figures-old': {
    of: 'source',
    means: 'how far the source is behind is not known, or was last seen too long ago',
    remedy: 'See the log of its mover.',
  },
  'central-slow': {
    of: 'central',
    means: 'commits of movers into central take seconds',
    remedy: 'See what central waits for: locks, its disk, triggers on its queues, other sessions.',
  },
  'memory-budget': {
    of: 'source',
    means: 'readers of a mover wait for memory all the time',
    remedy: 'Give it more `mover.memory`, or see why central takes so little.',
  },
  'no-worker': {
    of: 'queue',
    means: 'no worker runs for the queue',
    remedy: 'Start workers on a host.',
  },
  'handler-unusable': {
    of: 'queue',
    means: 'the handler cannot be loaded',
    remedy: 'Correct the handler; it is tried again every 15 seconds.',
  },
  'workers-stuck': {
    of: 'queue',
    means: 'workers run and make no progress',
    remedy: 'Mend what the sentence names; new code goes live by the command below.',
  },
  'copy-stopped': {
    of: 'queue',
    means: 'a copy of rows from before for `apply`, or a repair, was begun and does not get on',
    remedy: 'Mend what the figures say and run the command below: it goes on where it stopped.',
  },
  'delayed-late': {
    of: 'queue',
    means: 'delayed events of the queue are due and do not go in',
    remedy: 'See the log of the host that holds upkeep:central.',
  },
  'schedule-late': {
    of: 'queue',
    means: 'a schedule was due, and its event has not gone in',
    remedy: 'See the log of the host that holds upkeep:central, and whether its file has the schedule.',
  },
  'handler-fails': {
    of: 'queue',
    means: 'more than a tenth of what is tried fails',
    remedy: 'Correct the handler or what it calls, bring it live by the command below, retry what is dead.',
  },
  'handler-slow': {
    of: 'queue',
    means: 'the handler takes so long that its workers do not keep up',
    remedy: 'Make it quicker (`batch` in place of `event`, an index), or give it more workers.',
  },
  'too-few-workers': {
    of: 'queue',
    means: 'more events arrive than the workers handle',
    remedy: 'Give it more workers.',
  },
  'rate-reached': {
    of: 'queue',
    means: 'more events arrive than the `rate:` of the queue allows',
    remedy: 'Raise `rate:` in the file, or let the events wait.',
  },
  'workers-missing': {
    of: 'queue',
    means: 'fewer workers run than are wanted',
    remedy: 'See the log of `tributary work`, or start it on one more host.',
  },
  parked: {
    of: 'queue',
    means: 'the queue was scaled to 0, and events wait',
    remedy: 'Give it workers again.',
  },
  'group-left': {
    of: 'queue',
    means:
      'a group of a central queue is not in the file any more, nobody works it, and rotation keeps its events',
    remedy: 'Put it back into the file, let a group of the file `adopt` it, or end it by the command below.',
  },
  'key-paused': {
    of: 'queue',
    means:
      'an event of a queue with `on_failure: pause` failed long ago, and all behind it with its key wait',
    remedy: 'See its error by the command below; mend the handler, or give it up by `tributary lane skip`.',
  },
  'lanes-differ': {
    of: 'queue',
    means: 'a queue has another number of lanes on central than in the file',
    remedy: 'Let central have the lanes of the file by the command below, or correct the file.',
  },
  'backlog-limit': {
    of: 'source',
    means: 'a central queue has reached its `backlog:` or `waiting:`, so nothing more is moved into it',
    remedy: 'Bring the queue down (more workers), or raise the limit.',
  },
  'catching-up': {
    of: 'queue',
    means: 'workers handle more than arrives, and events are old yet',
    remedy: 'Wait, or give it more workers.',
  },
  'moving-late': {
    of: 'source',
    means: 'a mover moves the source, and it is behind yet',
    remedy: 'Wait where it becomes less; else see docs/operating.md for how much one mover moves.',
  },
  paused: {
    of: 'source',
    means: 'somebody paused the source',
    remedy: 'Let it go on.',
  },
  retired: {
    of: 'source',
    means: 'the file names a source that was retired: nothing moves it any more',
    remedy: 'Take it out of the file.',
  },
  'schedule-paused': {
    of: 'queue',
    means: 'somebody paused a schedule',
    remedy: 'Let it go on; what was due meanwhile is not made up for.',
  },
  'no-upkeep': {
    of: 'central',
    means: 'no process rotates, ticks and retries on central, or delivers delayed and scheduled events',
    remedy: 'Start a mover or workers again, and see the log.',
  },
  'dead-growing': {
    of: 'queue',
    means: 'events die',
    remedy: 'See what they say; mend the handler, or what they are about, then retry them.',
  },
  'rotation-pinned': {
    of: 'queue',
    means: 'event tables are not emptied: a consumer, transaction or session holds them; the disk fills',
    remedy: 'Let that consumer read on, or unregister it where nobody needs it.',
  },
  'long-transaction': {
    of: 'shard',
    means: 'a transaction is open for long: rotation waits for it, and dead rows stay',
    remedy: 'Let it end, or end it.',
  },
  'prepared-transaction': {
    of: 'shard',
    means: 'a prepared transaction was never ended: rotation waits for it, and dead rows stay',
    remedy: 'Commit it or roll it back; its owner knows which.',
  },
  'replication-slot': {
    of: 'shard',
    means: 'a replication slot keeps old rows, or WAL that nobody takes',
    remedy: 'Let its standby or subscriber come back, or drop the slot.',
  },
  'standby-feedback': {
    of: 'shard',
    means: 'a standby with hot_standby_feedback keeps old rows, because of a long query there',
    remedy: 'End the long query on the standby.',
  },
  'connections-near': {
    of: 'shard',
    means: 'a server has hardly a connection left',
    remedy: 'Raise max_connections, or put a pooler before the server.',
  },
  'clocks-differ': {
    of: 'shard',
    means: 'the clock of a shard’s server, or of one of our hosts, and that of central differ',
    remedy: 'Synchronise them (chrony, ntpd).',
  },
  'not-captured': {
    of: 'shard',
    means: 'changes of a table that the file captures are no events: no trigger, or a disabled one',
    remedy: 'Run the command below; changes that were made meanwhile are no events.',
  },
  'capture-differs': {
    of: 'shard',
    means: 'a captured table is another one than it was, or has other triggers than the file says',
    remedy: 'See `tributary capture plan`, and run the command below.',
  },
  'versions-differ': {
    of: 'host',
    means: 'hosts run different versions of Tributary',
    remedy: 'Upgrade the others, as docs/upgrading.md tells.',
  },
  'files-differ': {
    of: 'host',
    means: 'hosts run with different files',
    remedy: 'Bring the newest file to all hosts and run `tributary reload`.',
  },
} as const satisfies Record<string, CauseFacts>;

export type Cause = keyof typeof CAUSES;

/** A name of a cause, as an older or newer mover may have reported it. */
export const isCause = (name: string | undefined): name is Cause => name !== undefined && name in CAUSES;

export function diagnosis(
  cause: Cause,
  names: readonly string[],
  said: Pick<Diagnosis, 'sentence' | 'severity'> &
    Partial<Pick<Diagnosis, 'of' | 'evidence' | 'remedy' | 'command'>>,
): Diagnosis {
  const { of, remedy } = CAUSES[cause];
  return { cause, of, names, evidence: [], remedy, ...said };
}
