// Asks the server for one thing, or tells it to do one.

const HEADERS = { accept: 'application/json' };

/** @throws Error with a sentence for the reader. */
export async function ask<T>(path: string, signal: AbortSignal): Promise<T> {
  return answerOf<T>(await sent(path, { headers: HEADERS, signal }));
}

/** The header shows that a page of this server asks, and no other. @throws Error with a sentence for the reader. */
export async function act<T>(path: string, body: object): Promise<T> {
  const headers = { ...HEADERS, 'content-type': 'application/json', 'x-tributary': '1' };
  return answerOf<T>(await sent(path, { method: 'POST', headers, body: JSON.stringify(body) }));
}

async function sent(path: string, request: RequestInit): Promise<Response> {
  try {
    return await fetch(path, request);
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    throw new Error('The server does not answer.');
  }
}

async function answerOf<T>(response: Response): Promise<T> {
  if (response.status === 401) location.assign('login');
  const document: unknown = await response.json().catch(() => undefined);
  if (response.ok) return document as T;
  const said = (document as { error?: unknown } | undefined)?.error;
  throw new Error(typeof said === 'string' ? said : `The server answered with status ${response.status}.`);
}
