// The frozen shape of a shards.yaml that has no mistakes. Everything else reads this and never the file.

import type { Capture } from './capture.ts';
import type { QueueLanes } from './worked.ts';

/** How a connection is secured, as libpq understands the words, decided by us. */
export type Tls =
  | { readonly mode: 'off' }
  /** Encrypted where the server offers it. */
  | ({ readonly mode: 'prefer' } & OurTls)
  /** Encrypted, the server's certificate not checked. */
  | ({ readonly mode: 'require' } & OurTls)
  /** Encrypted, certificate and host name checked against the system's authorities or `ca` (PEM text). */
  | ({ readonly mode: 'verify'; readonly ca?: string } & OurTls);

/** Our own side of it. */
export interface OurTls {
  /** With which we authenticate ourselves: certificate and key, PEM text. */
  readonly client?: { readonly cert: string; readonly key: string };
  readonly minVersion?: 'TLSv1' | 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3';
}

/** Where a server is reached; `host` as in a Database. */
export interface Server {
  readonly host: string;
  readonly port: number;
}

/** One database and how to reach it. `password` absent: PGPASSWORD, then ~/.pgpass or PGPASSFILE, as libpq does. */
export interface Database {
  /** A name, an address, or the folder of a socket, which begins with a slash. */
  readonly host: string;
  readonly port: number;
  /** The servers of which one at a time takes writes, `host` first; absent: `host` alone, taken as it is. */
  readonly servers?: readonly Server[];
  readonly database: string;
  readonly user: string;
  readonly password?: string;
  readonly tls: Tls;
  /** For people: the URL without any secret. */
  readonly displayUrl: string;
  /** The role that `install` uses instead, when the file says `admin:`. */
  readonly admin?: { readonly user: string; readonly password?: string };
  readonly ticker: 'auto' | 'always' | 'never';
  /** `application_name` of our connections; absent: each says what it is for. */
  readonly applicationName?: string;
  /** The longest that connecting may take; 0: any time. Absent: the caller's own limit. */
  readonly connectTimeoutMs?: number;
  /** TCP keepalive; absent: on, with the system's interval. */
  readonly keepAlive?: boolean;
  readonly keepAliveIdleMs?: number;
  /** Whether the password's exchange is tied to the TLS connection; absent: not. */
  readonly channelBinding?: 'disable' | 'prefer' | 'require';
}

export interface Shard extends Database {
  /** Unique in the file: the database's name, or `host/database` where that is not unique, or `name:`. */
  readonly name: string;
  /** The machine whose mover moves this shard; several shards share one. (`host` above is where the database is reached.) */
  readonly moverHost: string;
  readonly schema: 'pgq' | 'pgque';
  /** Where sources of this shard begin that are not installed yet; overrides `start` of their queues. */
  readonly start?: StartingPoint;
}

/** What `defaults:`, an entry of `shards:` and the map of a database may say. */
export interface Access {
  readonly user?: string;
  readonly password?: string;
  readonly tls?: Tls;
  readonly admin?: NonNullable<Database['admin']>;
  readonly ticker?: Database['ticker'];
  readonly schema?: Shard['schema'];
  readonly port?: number;
  /** Of shards: the machine whose mover moves them. */
  readonly host?: string;
}

/** A query of the file whose rows are shards, beside those that the file names. */
export interface ShardQuery {
  /** Where it stands, for sentences: `` `shards[1]` ``. */
  readonly place: string;
  readonly sql: string;
  /** The database that is asked. */
  readonly on: Database;
  readonly everyMs: number;
  /** What the entry says for all its shards, and what `defaults:` says. */
  readonly own: Access & Pick<Shard, 'start'>;
  readonly defaults: Access;
  /** What relative paths in URLs are relative to. */
  readonly folder: string;
}

/** Which column of a central event carries `shard:queue:event id`. */
export type OriginColumn = 'extra1' | 'extra2' | 'extra3' | 'extra4' | 'none';

/** Where a source begins: at install's moment, at the oldest event kept, or where another consumer stands. */
export type StartingPoint =
  | { readonly at: 'now' }
  | { readonly at: 'oldest' }
  | { readonly at: 'consumer'; readonly name: string };

/** Column mapping: an SQL expression, run on the shard, in place of the event's own column. */
export type ColumnMap = Readonly<
  Partial<Record<'type' | 'data' | 'extra1' | 'extra2' | 'extra3' | 'extra4', string>>
>;

/** How events are handled, of a queue or of one of its groups. */
export interface Handling {
  /** Absolute path of the handler module; absent only where no worker is wanted, or where changes are applied to tables. */
  readonly handler?: string;
  /** Limits of the handler, see `docs/handlers.md`. */
  readonly timeoutMs: number;
  readonly retry: { readonly attempts: number; readonly firstMs: number; readonly maxMs: number };
  /** Events that may start a second, over all workers on all hosts; absent: any number. */
  readonly ratePerSecond?: number;
  /** Share of a host's processors against the other queues' workers there; absent counts as 1. */
  readonly weight?: number;
  /** When a worker's process is replaced by a new one, between two batches. */
  readonly recycle: Recycle;
  /** What handlers return is published, for producers that wait for it; absent: it is not. */
  readonly results?: true;
}

/** Where a group begins that is new: with what is committed from now on, with all that rotation has left, or behind a time. */
export type GroupStart =
  | { readonly at: 'now' }
  | { readonly at: 'oldest' }
  /** ISO 8601, in UTC. */
  | { readonly at: 'time'; readonly time: string };

/** One of several that handle the events of a queue, each with a position of its own. */
export interface Group extends Handling {
  /** In its queue; what is worked is called `orders/billing`, see worked.ts. */
  readonly name: string;
  /** First number of workers over all hosts; 0 parks. */
  readonly workers: number;
  /** Undefined: `oldest` in a queue that is new, and a mistake in one that has had events. */
  readonly start?: GroupStart;
  /** An existing consumer of the queue, or a group of it, that becomes this one. */
  readonly adopt?: string;
  /** How long dead events of the group are kept, in ms; absent: until they are discarded. */
  readonly deadMs?: number;
}

/** A table on central that the captured changes of a table of the shards are applied to, without a handler of the user's. */
export interface AppliedTable {
  /** `schema.name` on central. */
  readonly table: string;
  /** `schema.name` on the shards, where `*` stands for any characters: partitions. */
  readonly source: string;
  /** Columns of a unique key of the table on central, the column of the shard among them or not. */
  readonly key: readonly string[];
  /** The column on central that gets the name of the shard. */
  readonly shard: string;
  /** What becomes of a change whose key another shard's row has. */
  readonly onConflict: 'error' | 'newest' | 'shard_wins';
  /** With `newest`: the column that says how old a row is; where the shards have no such column it gets the event's time. */
  readonly time?: string;
  /** Columns of the shards that are left out. */
  readonly ignore: readonly string[];
}

export interface Queue extends Handling {
  /** The central queue. */
  readonly name: string;
  /** First number of workers over all hosts; 0 parks; 'none': no group without a name, so it is only filled, or has `groups`. */
  readonly workers: number | 'none';
  /** Tables that its events are applied to, in place of a handler. */
  readonly apply?: readonly AppliedTable[];
  /** Absent: it has one group, without a name, or none. */
  readonly groups?: readonly Group[];
  /** The source queues on every shard; default: the central queue's own name. None: only handlers and schedules feed it. */
  readonly from: readonly string[];
  /** SQL condition on the event's columns, run on the shard. */
  readonly where?: string;
  /** SQL expression over the event's columns, run on the shard: when the event is due; null: at once. */
  readonly deliverAt?: string;
  /** Of events with one key, an SQL expression run on the shard, only the first goes into the queue within this time; null: no key. */
  readonly unique?: { readonly key: string; readonly forMs: number };
  readonly columns: ColumnMap;
  /** Its events get the id of their transaction on the shard in extra3, where that is empty. */
  readonly hasTransactionIds?: boolean;
  /** Undefined: `oldest` for queues that install creates, and a mistake for queues that already hold events. */
  readonly start?: StartingPoint;
  /** Create the source queue where it does not exist. */
  readonly create: boolean;
  readonly origin: OriginColumn;
  readonly onPoison: 'dead' | 'halt';
  /** What is never shown of its events; absent: everything is. */
  readonly redact?: readonly RedactPath[];
  /** How long the shards' watermarks stay behind the position, in ms. */
  readonly keepMs: number;
  /** How long dead events of the queue are kept, in ms; absent: until they are discarded. */
  readonly deadMs?: number;
  /** Disk that the central queue's event tables may hold before forwarding is slowed and stopped; absent: any. */
  readonly backlogBytes?: number;
  /** Events that may wait for the queue's consumers before forwarding is slowed and stopped; absent: any number. */
  readonly mostWaiting?: number;
  /** An existing plain consumer of the central queue that becomes the group. */
  readonly adopt?: string;
  /** Events with one key are handled one after another, by each of its groups; absent: in any order where it has several workers. */
  readonly lanes?: QueueLanes;
}

/** Which of the central queues of a source queue get an event: the first whose `where:` matches, or all of them. */
export type RouteMode = 'first' | 'all';

/** A column of an event, or a value in it: names of JSON objects, `*` for any name; lists are passed through. */
export interface RedactPath {
  readonly column: 'data' | 'extra1' | 'extra2' | 'extra3' | 'extra4';
  readonly keys: readonly string[];
}

export interface Recycle {
  readonly afterBatches?: number;
  readonly memoryBytes?: number;
  readonly ageMs?: number;
}

/** Puts an event into a central queue whenever it is due. */
export interface Schedule {
  readonly name: string;
  /** In `zone`, a name of the time zone database. */
  readonly cron: string;
  readonly zone: string;
  /** The central queue. */
  readonly queue: string;
  readonly type: string;
  /** As text; JSON where the file has no text. */
  readonly data?: string;
  /** Of times that nobody saw to: the newest goes in, none, or all. */
  readonly missed: 'once' | 'skip' | 'all';
}

/** `http.live:` of the file; `origins` are of pages on other sites that may listen. */
export interface LiveSettings {
  /** With which channels are signed; absent: with `http.token`. */
  readonly key?: string;
  readonly origins: readonly string[];
  readonly streams: number;
}

export interface HttpAddress {
  readonly host: string;
  readonly port: number;
}

export interface Config {
  /** Absolute path of the file. */
  readonly file: string;
  /** SHA-256 of the file's bytes, hex: tells whether two members run the same file. */
  readonly hash: string;
  readonly name: string;
  readonly central: Database;
  /** Those that the file names; the ones that its queries give come behind them, see src/fleet/. */
  readonly shards: readonly Shard[];
  readonly shardQueries: readonly ShardQuery[];
  /** Whether running processes install what comes new by themselves. */
  readonly install: 'auto' | 'by-hand';
  /** Whether running processes look after changes of the file by themselves. */
  readonly watch: boolean;
  readonly queues: readonly Queue[];
  /** By source queue, of those that feed several central queues; absent: none does. */
  readonly routes?: Readonly<Record<string, RouteMode>>;
  readonly schedules: readonly Schedule[];
  /** Tables of the shards whose changes become events; absent: none. */
  readonly captures?: readonly Capture[];
  readonly mover: {
    readonly memoryBytes: number;
    readonly wholeBytes: number;
    readonly wholeEvents: number;
    readonly adoptAfterMs: number;
    /** How long events may wait on a shard until they are looked for, where servers keep up. */
    readonly delayMs: number;
  };
  readonly metrics: {
    /** Series for each source as well. */
    readonly perSource: boolean;
  };
  /** What is served over HTTP, and where; absent: nothing, unless the command says so. */
  readonly http?: HttpAddress & {
    readonly token?: string;
    /** In front of every path, without a slash at its end; absent: none. */
    readonly base?: string;
    /** Whether the dashboard may change anything. */
    readonly actions: boolean;
    /** The header, in lower case, in which a trusted proxy names the user; absent: none is believed. */
    readonly userHeader?: string;
    readonly live?: LiveSettings;
  };
}
