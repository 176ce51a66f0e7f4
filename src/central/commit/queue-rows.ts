// The rows of a commit, by the central queue that they go to. Pure.

export interface QueueRows {
  readonly queue: string;
  /** Rows in COPY's binary format, without header and trailer; at hand, or as they come. */
  readonly chunks: readonly Buffer[] | AsyncIterable<Buffer>;
  /** Each row has its due time in front: it goes to the delayed events, and those without one from there into the queue. */
  readonly isDelaying?: boolean;
  /** Each row has behind it how often it was retried. */
  readonly isRetried?: boolean;
  /** Asked when all of them have come: rows for another queue behind them, as they come. */
  readonly following?: () => QueueRows | undefined;
}

/** Rows for one queue, and for others in the same transaction. */
export interface SpreadRows extends QueueRows {
  readonly beside?: readonly QueueRows[];
}

/** Those that have any. */
export const rowsOf = ({ beside = [], ...first }: SpreadRows): QueueRows[] =>
  [first, ...beside].filter(({ chunks }) => !Array.isArray(chunks) || chunks.length > 0);

/** The queues, each once. */
export const queuesOf = (parts: readonly QueueRows[]): string[] => [
  ...new Set(parts.map(({ queue }) => queue)),
];

/** The same content with other chunks for each queue. */
export function withChunks<T extends SpreadRows>(
  content: T,
  change: (chunks: QueueRows['chunks']) => QueueRows['chunks'],
): T {
  const { beside, following } = content;
  return {
    ...content,
    chunks: change(content.chunks),
    ...(beside === undefined ? {} : { beside: beside.map((part) => withChunks(part, change)) }),
    ...(following === undefined
      ? {}
      : {
          following: () => {
            const next = following();
            return next === undefined ? undefined : withChunks(next, change);
          },
        }),
  };
}
