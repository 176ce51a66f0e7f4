// The second part of the catalogue: metrics that one member alone exports, because they belong to central.

export interface Metric {
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly labels: readonly string[];
  readonly help: string;
  /** Upper ends of a histogram's buckets, rising; one without an end follows. */
  readonly buckets?: readonly number[];
}

const QUEUE = ['queue'];
const SCHEDULE = ['schedule'];

/** What belongs to central: exported by the one member that holds its upkeep. */
export const OF_CENTRAL = {
  tributary_central_exported: {
    type: 'gauge',
    labels: [],
    help: '1 where this process exports what belongs to central; 0 where another one does, or where central did not answer.',
  },
  tributary_sources: {
    type: 'gauge',
    labels: ['state'],
    help: 'Sources by state, as `lag` shows them.',
  },
  tributary_sources_unknown: {
    type: 'gauge',
    labels: QUEUE,
    help: 'Sources of the central queue whose figures are not known now: the unmoved events leave them out.',
  },
  tributary_unmoved_events: {
    type: 'gauge',
    labels: QUEUE,
    help: 'Events that are committed on shards and not moved into the central queue, some of them estimated.',
  },
  tributary_oldest_unmoved_event_age_seconds: {
    type: 'gauge',
    labels: QUEUE,
    help: 'Age of the oldest of them over all sources of the central queue that are known.',
  },
  tributary_waiting_events: {
    type: 'gauge',
    labels: QUEUE,
    help: 'Events in the central queue that are not handled, beyond 10,000 estimated. Absent where no group of ours handles them, or where it is not known.',
  },
  tributary_oldest_waiting_event_age_seconds: {
    type: 'gauge',
    labels: QUEUE,
    help: 'Age of the oldest of them; absent as they are.',
  },
  tributary_retrying_events: {
    type: 'gauge',
    labels: QUEUE,
    help: 'Events that wait for another try.',
  },
  tributary_paused_keys: {
    type: 'gauge',
    labels: QUEUE,
    help: 'Keys of the lanes of the queue that wait because an event failed (`on_failure: pause`).',
  },
  tributary_oldest_paused_key_age_seconds: {
    type: 'gauge',
    labels: QUEUE,
    help: 'For how long the oldest of them has been paused; 0 where none is.',
  },
  tributary_delayed_events: {
    type: 'gauge',
    labels: QUEUE,
    help: 'Events that wait for their time before they go into the central queue.',
  },
  tributary_unrouted_events: {
    type: 'gauge',
    labels: ['queue'],
    help: 'Events of the source queue, over all shards, that no route took since they were installed.',
  },
  tributary_left_out_events: {
    type: 'gauge',
    labels: QUEUE,
    help: 'Events that did not go into the central queue because another one had their unique key, since it was installed.',
  },
  tributary_dead_events: {
    type: 'gauge',
    labels: QUEUE,
    help: 'Dead events that were not retried or discarded.',
  },
  tributary_dead_events_of_kind: {
    type: 'gauge',
    labels: ['queue', 'kind'],
    help: 'The same by kind: handler, killed, poison or conflict. This and the next four are read anew four times a minute.',
  },
  tributary_queue_disk_bytes: {
    type: 'gauge',
    labels: QUEUE,
    help: 'Disk of the event tables of the central queue.',
  },
  tributary_rotation_overdue_seconds: {
    type: 'gauge',
    labels: QUEUE,
    help: 'How long a rotation of the central queue has been due that a consumer holds back; 0 where none has been for a minute.',
  },
  tributary_rotation_held_bytes: {
    type: 'gauge',
    labels: QUEUE,
    help: 'Disk that this rotation will free in the end; 0 where none is overdue.',
  },
  tributary_last_reload_time_seconds: {
    type: 'gauge',
    labels: QUEUE,
    help: 'When workers of the central queue were last to be replaced by `reload --workers`, in seconds since 1970; absent where they never were.',
  },
  tributary_workers_wanted: {
    type: 'gauge',
    labels: QUEUE,
    help: 'Workers that the central queue shall have over all hosts.',
  },
  tributary_workers_running: {
    type: 'gauge',
    labels: QUEUE,
    help: 'Workers that it has over all hosts.',
  },
  tributary_queue_stuck: {
    type: 'gauge',
    labels: QUEUE,
    help: '1 where the workers of the central queue do not run or make no progress, or its delayed events do not go in; `lag` says why.',
  },
  tributary_schedule_last_time_seconds: {
    type: 'gauge',
    labels: SCHEDULE,
    help: 'The newest time at which the schedule was due and its event went in, in seconds since 1970; absent where there was none. This and the next five are read anew four times a minute.',
  },
  tributary_schedule_next_time_seconds: {
    type: 'gauge',
    labels: SCHEDULE,
    help: 'The first time that is still to be dealt with: in the future, unless it is overdue. Absent where there is none, and while the schedule is paused.',
  },
  tributary_schedule_overdue_seconds: {
    type: 'gauge',
    labels: SCHEDULE,
    help: 'How long ago that time was, 0 where it is to come; absent as it is.',
  },
  tributary_schedule_paused: {
    type: 'gauge',
    labels: SCHEDULE,
    help: '1 where somebody has paused the schedule.',
  },
  tributary_schedule_events_total: {
    type: 'counter',
    labels: SCHEDULE,
    help: 'Events of the schedule that went in since it was first seen, counted on central.',
  },
  tributary_schedule_passed_over_total: {
    type: 'counter',
    labels: SCHEDULE,
    help: 'Times that the schedule was due and nobody was there, and that were not made up for, as its `missed` says.',
  },
  tributary_host_files_differ: {
    type: 'gauge',
    labels: [],
    help: '1 where running hosts have different files; `lag` says which.',
  },
} as const satisfies Record<string, Metric>;

/** Only with `metrics: { per_source: true }`. */
export const OF_SOURCES = {
  tributary_source_moving: {
    type: 'gauge',
    labels: ['shard', 'source_queue'],
    help: '1 where the source is moving or idle, 0 in every other state.',
  },
  tributary_source_unmoved_events: {
    type: 'gauge',
    labels: ['shard', 'source_queue'],
    help: 'Events of the source that are committed and not moved; absent where that is not known.',
  },
  tributary_source_oldest_unmoved_event_age_seconds: {
    type: 'gauge',
    labels: ['shard', 'source_queue'],
    help: 'Age of the oldest of them; absent where that is not known.',
  },
} as const satisfies Record<string, Metric>;
