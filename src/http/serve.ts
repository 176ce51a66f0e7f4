// Serves the pages of a process until it is closed.
import type { HttpAddress } from '../config/config.ts';
import { pagesOf, type Shown } from './health/pages.ts';
import { LagView } from './lag-view.ts';
import { refusalOf } from './server/address.ts';
import { HttpServer } from './server/server.ts';

export interface ServeOptions {
  readonly address: HttpAddress;
  readonly shown: Omit<Shown, 'view'>;
}

export interface Serving {
  readonly refusal?: undefined;
  readonly url: string;
  close(): Promise<void>;
}

/** @returns the server, or why nothing may be served. @throws the system's error where the address cannot be listened on. */
export async function serve({
  address,
  shown,
}: ServeOptions): Promise<Serving | { readonly refusal: string }> {
  const { token, base } = shown.config.http ?? {};
  const refusal = refusalOf(address, token);
  if (refusal !== undefined) return { refusal };
  const view = new LagView(shown.config);
  const server = new HttpServer({ address, token, base, pages: pagesOf({ ...shown, view }) });
  try {
    await server.listen();
  } catch (error) {
    await Promise.all([server.close(), view.close()]);
    throw error;
  }
  return {
    url: server.url,
    close: async () => {
      await server.close();
      await view.close();
    },
  };
}
