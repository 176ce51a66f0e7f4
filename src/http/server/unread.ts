// Requests that never get to a page, because they cannot be read: too long, too late, or not HTTP. Each gets one sentence, as all others.
import type { Socket } from 'node:net';
import type { FastifyReply } from 'fastify';
import { COMMON_HEADERS } from './headers.ts';

interface Answer {
  readonly status: string;
  readonly sentence: string;
}

const TOO_LONG = (most: number): Answer => ({
  status: '431 Request Header Fields Too Large',
  sentence: `The address and the headers of this request are longer than ${most.toLocaleString('en')} bytes: send less, such as fewer channels over one connection.`,
});
const TOO_LATE: Answer = {
  status: '408 Request Timeout',
  sentence: 'This request did not come in time: send it in one piece.',
};
const NOT_HTTP: Answer = {
  status: '400 Bad Request',
  sentence: 'This is no request of HTTP/1.1 that can be read.',
};

/** Answers over the bare connection, and ends it. */
export function answerUnread(
  error: NodeJS.ErrnoException,
  socket: Socket,
  { mostHeaderBytes }: { readonly mostHeaderBytes: number },
): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) return;
  if (socket.writable) socket.write(answerText(answerTo(error.code, mostHeaderBytes)));
  socket.destroy(error);
}

function answerTo(code: string | undefined, mostHeaderBytes: number): Answer {
  if (code === 'HPE_HEADER_OVERFLOW') return TOO_LONG(mostHeaderBytes);
  return code === 'ERR_HTTP_REQUEST_TIMEOUT' ? TOO_LATE : NOT_HTTP;
}

function answerText({ status, sentence }: Answer): string {
  const body = JSON.stringify({ error: sentence });
  const headers = {
    ...COMMON_HEADERS,
    'content-type': 'application/json; charset=utf-8',
    'content-length': String(Buffer.byteLength(body)),
    connection: 'close',
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${status}\r\n${lines.join('')}\r\n${body}`;
}

/** A path with a percent sign that begins nothing, or the like. */
export async function refuseAddress(reply: FastifyReply): Promise<void> {
  await reply.code(400).headers(COMMON_HEADERS).send({
    error: 'The address of this request cannot be read: write what is not a letter or a digit as %XX.',
  });
}
