// What is there already, or will be.
//
// Made for what happens with every event: a promise costs a microsecond or more where strays are watched, for each one is
// followed then, so one is made only where there is something to wait for.

export type Soon<T> = T | Promise<T>;

/** Goes on with a value: at once where it is there. What `next` throws is thrown, or rejects. */
export function soon<T, U>(value: Soon<T>, next: (value: T) => Soon<U>): Soon<U> {
  return value instanceof Promise ? value.then(next) : next(value);
}
