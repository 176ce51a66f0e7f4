// Central as one lane of a gatherer uses it: a link of its own, which reconnects by itself.
import type { CentralLink } from '../../central/central-link.ts';
import { type CommitContent, type CommitOptions, commitGathered } from '../../central/commit/commit.ts';
import type { Committed } from '../../central/commit/committed.ts';
import { withChunks } from '../../central/commit/queue-rows.ts';
import type { Condemner } from '../condemn.ts';
import { type SortOut, sorterFor } from './refused-events.ts';

/** The part that a lane needs; the rest is for stopping, watching and searching. */
export type LaneCalls = Pick<LaneConnection, 'commit'> & Partial<LaneConnection>;

export interface LaneConnectionOptions {
  readonly commitOptions: CommitOptions;
  readonly condemner: Condemner;
}

export class LaneConnection {
  readonly #link: CentralLink;
  readonly #commitOptions: CommitOptions;
  /** Takes the refused events out of one source's content; undefined where they cannot be told from the others. */
  readonly sortOut: SortOut;

  /** @param link used by this alone, closed and abandoned with it. */
  constructor(link: CentralLink, { commitOptions, condemner }: LaneConnectionOptions) {
    this.#link = link;
    this.#commitOptions = commitOptions;
    this.sortOut = sorterFor({ link, commitOptions, condemner });
  }

  /** Counts the uses of the link that have begun, and the pieces of large commits. */
  get progress(): number {
    return this.#link.progress;
  }

  /** Commits on central and says which transaction a tick has to cover, if any. */
  async commit(content: CommitContent): Promise<Committed | undefined> {
    const counted = withChunks(content, (chunks) =>
      Array.isArray(chunks) ? chunks : this.#link.counted(chunks),
    );
    return await this.#link.use((central) => commitGathered(central, counted, this.#commitOptions));
  }

  /** Closes the connection until it is needed again. */
  async rest(): Promise<void> {
    await this.#link.close();
  }

  /** Breaks off the call under way, for good. */
  abandon(): void {
    this.#link.abandon();
  }
}
