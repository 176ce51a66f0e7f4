// What a position is: a tick of the shard with its fingerprint, or a place inside a window that was cut.

/** A tick as it can be recognised again: ids alone are handed out twice by restored and promoted servers. */
export interface Fingerprint {
  readonly id: number;
  /** Time of the tick, microseconds since the epoch. */
  readonly timeUs: number;
  readonly eventSeq: number;
  /** md5 of the snapshot's text. */
  readonly md5: string;
}

/** How far one source has been moved. */
export interface Position {
  readonly tick: Fingerprint;
  /** Inside the window (tick, end]: rows up to and with this event id have been moved. */
  readonly inside?: { readonly end: Fingerprint; readonly lastEventId: number };
}

export function sameTick(a: Fingerprint, b: Fingerprint): boolean {
  return a.id === b.id && a.timeUs === b.timeUs && a.eventSeq === b.eventSeq && a.md5 === b.md5;
}
