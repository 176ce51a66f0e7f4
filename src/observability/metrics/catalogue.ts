// Every metric there is: its name, type, labels and meaning. docs/metrics.md shows the same, held by a test.
import { CALL_BUCKET_ENDS_MS, DELIVERY_BUCKET_ENDS_MS } from '../../workers/protocol.ts';
import { type Metric, OF_CENTRAL, OF_SOURCES } from './of-central-catalogue.ts';

export type { Metric };

/** From what one row takes to what a patient operator waits for. */
const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
/** As the workers count: a handler may take a tenth of a millisecond, a batch of many events minutes. */
const CALL_SECONDS = CALL_BUCKET_ENDS_MS.map((ms) => ms / 1_000);
const DELIVERY_SECONDS = DELIVERY_BUCKET_ENDS_MS.map((ms) => ms / 1_000);
const SOURCES = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000];

const QUEUE = ['queue'];

/** What each process says of itself. */
const OF_PROCESSES = {
  tributary_build_info: {
    type: 'gauge',
    labels: ['version', 'node'],
    help: 'Always 1: the version that runs, and the version of Node.js.',
  },
  tributary_process_start_time_seconds: {
    type: 'gauge',
    labels: ['role'],
    help: 'When the process began, in seconds since 1970.',
  },
  tributary_process_resident_memory_bytes: {
    type: 'gauge',
    labels: ['role'],
    help: 'Memory that the process holds.',
  },
  tributary_process_cpu_seconds_total: {
    type: 'counter',
    labels: ['role'],
    help: 'Processor time of the process, its own and the system’s.',
  },
} as const satisfies Record<string, Metric>;

const OF_MOVERS = {
  tributary_moved_events_total: {
    type: 'counter',
    labels: QUEUE,
    help: 'Events that this mover has committed into the central queue.',
  },
  tributary_moved_bytes_total: {
    type: 'counter',
    labels: QUEUE,
    help: 'The same in bytes, as they came from the shards.',
  },
  tributary_commit_duration_seconds: {
    type: 'histogram',
    labels: QUEUE,
    help: 'How long central took for a commit of this mover.',
    buckets: SECONDS,
  },
  tributary_commit_sources: {
    type: 'histogram',
    labels: QUEUE,
    help: 'How many sources came together in a commit of this mover.',
    buckets: SOURCES,
  },
  tributary_round_duration_seconds: {
    type: 'histogram',
    labels: [],
    help: 'How long shards took to answer this mover’s rounds: what is to be ticked, how far each queue can be moved, and small windows themselves.',
    buckets: SECONDS,
  },
  tributary_shards_held: {
    type: 'gauge',
    labels: [],
    help: 'Shards that this mover moves now.',
  },
  tributary_memory_budget_bytes: {
    type: 'gauge',
    labels: [],
    help: 'Memory that this mover may use for events under way.',
  },
  tributary_memory_budget_used_bytes: {
    type: 'gauge',
    labels: [],
    help: 'Memory that events under way hold in this mover.',
  },
  tributary_leases_lost_total: {
    type: 'counter',
    labels: ['reason'],
    help: 'Leases that this mover lost without letting go of them: ran-out or taken-over.',
  },
  tributary_leases_taken_over_total: {
    type: 'counter',
    labels: [],
    help: 'Leases that this mover took from another one that was silent.',
  },
  tributary_source_halts_total: {
    type: 'counter',
    labels: ['reason'],
    help: 'Sources that this mover halted, by the code of the reason.',
  },
  tributary_refused_events_total: {
    type: 'counter',
    labels: ['by'],
    help: 'Events that became dead on their way, because central refuses them or the shard cannot read them: central or shard.',
  },
  tributary_loops_restarted_total: {
    type: 'counter',
    labels: [],
    help: 'Loops of this mover that stood still and were begun anew.',
  },
  tributary_mover_trouble_total: {
    type: 'counter',
    labels: ['of'],
    help: 'Failures that this mover lived through and tried again after, by where: central, shard, source or upkeep.',
  },
} as const satisfies Record<string, Metric>;

const OF_WORKERS = {
  tributary_handled_events_total: {
    type: 'counter',
    labels: ['queue', 'outcome'],
    help: 'Events that workers of this host are done with and have committed: done, put_off or dead. One that is put off is counted at each try.',
  },
  tributary_delivery_duration_seconds: {
    type: 'histogram',
    labels: ['queue', 'stage'],
    help: 'How long events that workers of this host have handled at their first try were under way: to_central, to_handled, and whole. A few of those that are handled together stand for all of them.',
    buckets: DELIVERY_SECONDS,
  },
  tributary_handler_duration_seconds: {
    type: 'histogram',
    labels: QUEUE,
    help: 'How long calls of the handler took on this host, failed ones included.',
    buckets: CALL_SECONDS,
  },
  tributary_batch_duration_seconds: {
    type: 'histogram',
    labels: QUEUE,
    help: 'How long batches that were finished had been open on this host.',
    buckets: CALL_SECONDS,
  },
  tributary_batches_given_up_total: {
    type: 'counter',
    labels: QUEUE,
    help: 'Batches that a worker of this host did not finish: they are handed out again.',
  },
  tributary_workers_up: {
    type: 'gauge',
    labels: QUEUE,
    help: 'Workers of this host that are ready or at work.',
  },
  tributary_workers_busy: {
    type: 'gauge',
    labels: QUEUE,
    help: 'Workers of this host that have a batch open.',
  },
  tributary_worker_deaths_total: {
    type: 'counter',
    labels: ['queue', 'cause'],
    help: 'Workers of this host that died: silent and stalled ones were killed by us, crashed is all else.',
  },
  tributary_slots_taken_over_total: {
    type: 'counter',
    labels: QUEUE,
    help: 'Places of workers that this host took from another one that was silent.',
  },
  tributary_worker_replacements_total: {
    type: 'counter',
    labels: QUEUE,
    help: 'Workers of this host that were to be replaced in good order: by a reload, or because they had done enough.',
  },
  tributary_worker_trouble_total: {
    type: 'counter',
    labels: QUEUE,
    help: 'Failures of central that workers of this host lived through and tried again after.',
  },
  tributary_pool_trouble_total: {
    type: 'counter',
    labels: [],
    help: 'The same for what looks after the workers.',
  },
} as const satisfies Record<string, Metric>;

/** Of what handlers publish, and the browsers that listen at this process. */
const OF_STREAMS = {
  tributary_live_streams: {
    type: 'gauge',
    labels: [],
    help: 'Browsers that listen at this process to what handlers publish.',
  },
  tributary_live_messages_read_total: {
    type: 'counter',
    labels: [],
    help: 'Messages that this process has read from central while somebody listened, on all channels.',
  },
  tributary_live_messages_sent_total: {
    type: 'counter',
    labels: [],
    help: 'Messages that were sent to browsers: one that several listen to counts for each of them.',
  },
  tributary_live_resets_total: {
    type: 'counter',
    labels: [],
    help: 'Browsers that were told that they may have missed something: they were away for too long, or read too slowly.',
  },
  tributary_live_streams_ended_total: {
    type: 'counter',
    labels: ['reason'],
    help: 'Streams that this process has ended: slow, because nothing was read for a while, or expired, because the token was over.',
  },
  tributary_live_streams_refused_total: {
    type: 'counter',
    labels: [],
    help: 'Browsers that were turned away because too many listen at this process.',
  },
} as const satisfies Record<string, Metric>;

const OF_SPOOLS = {
  tributary_spool_delivered_events_total: {
    type: 'counter',
    labels: [],
    help: 'Events that this process has delivered from the spool to its shard.',
  },
  tributary_spool_bytes: { type: 'gauge', labels: [], help: 'Size of the files in the spool.' },
  tributary_spool_oldest_event_age_seconds: {
    type: 'gauge',
    labels: [],
    help: 'Age of the oldest event that waits in the spool; 0 where none does.',
  },
  tributary_spool_troubles: {
    type: 'gauge',
    labels: [],
    help: 'What keeps events in the spool now: 1 where the shard cannot be reached, and 1 for each writer whose events it refuses.',
  },
  tributary_spool_damaged_files: {
    type: 'gauge',
    labels: [],
    help: 'Files that were set aside because some of their bytes are no record.',
  },
} as const satisfies Record<string, Metric>;

export const METRICS = {
  ...OF_PROCESSES,
  ...OF_MOVERS,
  ...OF_WORKERS,
  ...OF_STREAMS,
  ...OF_SPOOLS,
  ...OF_CENTRAL,
  ...OF_SOURCES,
};

export type MetricName = keyof typeof METRICS;

export const metric = (name: MetricName): Metric => METRICS[name];
