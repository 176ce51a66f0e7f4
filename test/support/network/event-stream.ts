// A browser's end of a stream of server-sent events, as far as tests need it; it does not come again by itself.
import { get, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { onTestFinished } from 'vitest';
import { until } from '../until.ts';

export interface StreamEvent {
  readonly id: string;
  readonly event: string;
  /** Parsed. */
  readonly data: { readonly channel?: string; readonly data?: unknown };
}

export interface EventStream {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** All that have come. */
  readonly events: readonly StreamEvent[];
  /** What was published, of all of them. */
  readonly data: readonly unknown[];
  /** Where it would come again. */
  readonly lastEventId: string;
  /** All that was sent. */
  readonly text: string;
  readonly isEnded: boolean;
  /** Begins to read, where it was opened not to. */
  read(): void;
  close(): void;
}

/** Resolves when the stream is open, or refused. @param isReading false: it is open, and nothing is read. */
export async function openEventStream(
  url: string,
  { headers = {}, isReading = true }: { headers?: Record<string, string>; isReading?: boolean } = {},
): Promise<EventStream> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const request = get(url, { headers, agent: false }, resolve);
    request.on('error', reject);
    onTestFinished(() => void request.destroy());
  });
  const stream = { text: '', events: [] as StreamEvent[], lastEventId: '', isEnded: false };
  let rest = '';
  response.setEncoding('utf8');
  response.on('error', () => {});
  response.on('close', () => {
    stream.isEnded = true;
  });
  const read = () =>
    void response.on('data', (chunk: string) => {
      stream.text += chunk;
      const blocks = (rest + chunk).split('\n\n');
      rest = blocks.pop() ?? '';
      for (const block of blocks) take(block, stream);
    });
  if (isReading) read();
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    get events() {
      return stream.events;
    },
    get data() {
      return stream.events.flatMap(({ event, data }) => (event === 'reset' ? ['reset'] : [data.data]));
    },
    get lastEventId() {
      return stream.lastEventId;
    },
    get text() {
      return stream.text;
    },
    get isEnded() {
      return stream.isEnded;
    },
    read,
    close: () => void response.destroy(),
  };
}

/** Waits until this many messages have come, and says what they were. */
export async function untilEvents(
  stream: EventStream,
  count: number,
  what = `${count} messages`,
): Promise<readonly unknown[]> {
  await until(() => stream.events.length >= count, { what, timeoutMs: 30_000 });
  return stream.data;
}

function take(block: string, stream: { events: StreamEvent[]; lastEventId: string }): void {
  let [event, data] = ['message', ''];
  for (const line of block.split('\n')) {
    if (line.startsWith('id: ')) stream.lastEventId = line.slice(4);
    if (line.startsWith('event: ')) event = line.slice(7);
    if (line.startsWith('data: ')) data += line.slice(6);
  }
  if (data !== '') stream.events.push({ id: stream.lastEventId, event, data: JSON.parse(data) });
}
