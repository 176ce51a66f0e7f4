// In a batch of a lane that pauses keys: an event was put off, and the rest is to be read again, without those that wait behind it.

/** Everything up to `lastEventId` is committed. */
export class KeyPaused extends Error {
  override readonly name = 'KeyPaused';
  readonly lastEventId: number;

  constructor(lastEventId: number) {
    super('An event was put off, and those behind it with its key wait.');
    this.lastEventId = lastEventId;
  }
}
