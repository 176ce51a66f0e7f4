// A Config that is always the newest one: for parts that read it anew each time they need something of it.
import type { Config } from './config.ts';

/** @param now gives the one that counts. What is taken out of the answer stays as it is; what is read later may be another. */
export const liveConfig = (now: () => Config): Config =>
  new Proxy<Config>({} as Config, {
    get: (_none, key) => Reflect.get(now(), key),
    has: (_none, key) => Reflect.has(now(), key),
    ownKeys: () => Reflect.ownKeys(now()),
    getOwnPropertyDescriptor: (_none, key) => {
      const value: unknown = Reflect.get(now(), key);
      return value === undefined
        ? undefined
        : { value, configurable: true, enumerable: true, writable: false };
    },
    set: () => false,
  });
