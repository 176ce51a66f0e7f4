// A central that is older than what was moved into it: a backup, or a standby that had not received all. Movers go on from its
// positions by themselves; here it is noticed.
import { noteHappening } from '../central/logbook/note.ts';
import type { Shard } from '../config/config.ts';
import { counted } from '../errors/words.ts';
import { TIMING } from '../lifecycle/timing.ts';
import type { Connection } from '../postgres/connection.ts';
import { readWatermarks } from '../upkeep/watermarks.ts';
import type { MoverContext } from './context.ts';
import type { MoverOccurrence } from './occurrence.ts';
import type { Source } from './source/source.ts';

/** Whether central still has what one shard's loop knows that it had. */
export class CentralAge {
  readonly #shard: Shard;
  readonly #context: Pick<MoverContext, 'consumer' | 'onOccurrence'>;
  #isCompared = false;
  #isSaid = false;

  constructor(shard: Shard, context: Pick<MoverContext, 'consumer' | 'onOccurrence'>) {
    this.#shard = shard;
    this.#context = context;
  }

  /** What reloads of sources found out, see Source.reload. */
  reloaded(lost: readonly (number | undefined)[]): void {
    const older = lost.filter((events) => events !== undefined);
    if (older.length === 0) return;
    // Why a source is halted, where the shard has forgotten as well.
    this.#isCompared = false;
    this.#isSaid = true;
    const events = older.reduce((sum, one) => sum + one, 0);
    this.#say(older.length, events);
  }

  connected(): void {
    this.#isCompared = false;
  }

  /** Compares positions with the registrations on the shard, which were only ever moved behind what central had. */
  async compareIfDue(shard: Connection, sources: readonly Source[]): Promise<void> {
    if (this.#isCompared) return;
    const { schema } = this.#shard;
    const watermarks = await readWatermarks(shard, { schema, consumer: this.#context.consumer });
    this.#isCompared = true;
    for (const source of sources) source.noteWatermark(watermarks.get(source.queue));
    const older = sources.filter(({ isCentralOlder }) => isCentralOlder);
    if (older.length > 0 && !this.#isSaid) this.#say(older.length, undefined);
    this.#isSaid = false;
  }

  #say(sources: number, events: number | undefined): void {
    this.#context.onOccurrence({ kind: 'central-older', shard: this.#shard.name, sources, events });
  }
}

/** What all shards of a mover find within a moment is one note in the logbook. */
export class OlderCentral {
  readonly #context: Pick<MoverContext, 'central' | 'onOccurrence'>;
  #sources = 0;
  #events = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(context: Pick<MoverContext, 'central' | 'onOccurrence'>) {
    this.#context = context;
  }

  found({ sources, events = 0 }: Extract<MoverOccurrence, { kind: 'central-older' }>): void {
    this.#sources += sources;
    this.#events += events;
    this.#timer ??= setTimeout(() => this.#note(), TIMING.reports.olderMs).unref();
  }

  #note(): void {
    const lost = this.#events === 0 ? '' : ` lacks ${counted(this.#events, 'event')} and`;
    const what = `Central${lost} is older than what was moved into it, from ${counted(this.#sources, 'source')}: it is moved again, as far as the shards have it.`;
    const { central, onOccurrence } = this.#context;
    central()
      .use((one) => noteHappening(one, { kind: 'take-over', what }))
      .catch((error: unknown) => onOccurrence({ kind: 'central-trouble', queue: undefined, error }));
    this.#timer = undefined;
    this.#sources = 0;
    this.#events = 0;
  }
}
