// Values that JavaScript can throw.

const hostile = () => {
  throw new Error('trap');
};

export const ODD_ERRORS: Readonly<Record<string, () => unknown>> = {
  undefined: () => undefined,
  null: () => null,
  'a symbol': () => Symbol('boom'),
  'a number': () => Number.NaN,
  'a bigint': () => 10n,
  'a function': () => () => {},
  'an empty text': () => '',
  'half a surrogate pair and a zero': () => '\ud800 half \u0000 zero',
  'an object without a prototype': () => Object.create(null),
  'an object whose toString throws': () => ({ toString: hostile, [Symbol.toPrimitive]: hostile }),
  'an object that inspects itself': () => ({ [Symbol.for('nodejs.util.inspect.custom')]: hostile }),
  'a proxy that refuses everything': () =>
    new Proxy({}, { get: hostile, has: hostile, getPrototypeOf: hostile, ownKeys: hostile }),
  'a proxy of an error': () => new Proxy(new Error('inner'), { get: hostile, getPrototypeOf: hostile }),
  'a revoked proxy': () => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    return proxy;
  },
  'an error whose message is an object': () => Object.assign(new Error('x'), { message: { code: 1 } }),
  'an error whose message throws': () => Object.defineProperty(new Error('x'), 'message', { get: hostile }),
  'an error whose stack is an array': () => Object.assign(new Error('x'), { stack: ['a'] }),
  'an error whose stack throws': () => Object.defineProperty(new Error('x'), 'stack', { get: hostile }),
  'an error whose name throws': () => Object.defineProperty(new Error(''), 'name', { get: hostile }),
  'an error whose code is a number': () => Object.assign(new Error('x'), { code: 7 }),
  'an error whose code throws': () => Object.defineProperty(new Error('x'), 'code', { get: hostile }),
  'an error that is its own cause': () => {
    const error = new Error('round');
    error.cause = error;
    return error;
  },
  'an error with a part that throws': () =>
    Object.defineProperty(new Error('x'), 'detail', { get: hostile, enumerable: true }),
  'an error with a bigint and a function': () =>
    Object.assign(new Error('x'), { size: 10n, again: () => {} }),
  'an aggregate of odd things': () => new AggregateError([null, Object.create(null)], 'many'),
  'an error with a code of central': () => Object.assign(new Error('x'), { code: '57P01' }),
  'an error with a code of ours': () => Object.assign(new Error('x'), { code: 'TB001' }),
  'an error of the network': () => Object.assign(new Error('x'), { code: 'ECONNRESET' }),
  'a very long message': () => new Error('x'.repeat(1_000_000)),
  'an event': () => new Event('error'),
};
