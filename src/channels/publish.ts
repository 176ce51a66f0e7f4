// The statements that publish.
import type { PublishedMessage } from './message.ts';

/** Wakes the readers. It goes behind the commit: in front of it, all who notify would commit one after another. */
export const PUBLISHED_CHANNEL = 'tributary_published';

/** The statement that publishes them in their order, and its values. */
export function publishCall(messages: readonly PublishedMessage[]): { text: string; values: unknown[] } {
  return {
    text: 'select tributary.publish($1, $2, $3)',
    values: [
      messages.map(({ channel }) => channel),
      messages.map(({ type }) => type ?? null),
      messages.map(({ data }) => data),
    ],
  };
}
