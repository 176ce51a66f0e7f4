// The files of the page, the way to them, and who may ask: against the real server.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { addFiles } from '../../../../src/http/dashboard/files.ts';
import { foreignName, foreignSite } from '../../../../src/http/server/guard.ts';
import { HttpServer, type ServerOptions } from '../../../../src/http/server/server.ts';

const TOKEN = 'correct horse battery staple';

async function given({ isBuilt = true, ...options }: Partial<ServerOptions> & { isBuilt?: boolean } = {}) {
  const root = mkdtempSync(join(tmpdir(), 'tributary-page-'));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  const folder = join(root, 'page');
  writeFileSync(join(root, 'secret.json'), '"a secret"');
  if (isBuilt) {
    mkdirSync(join(folder, 'assets'), { recursive: true });
    writeFileSync(join(folder, 'index.html'), '<p>the page</p>');
    writeFileSync(join(folder, 'secret.json'), '"beside the files"');
    writeFileSync(join(folder, 'assets', 'app-Ab3dE6_8.js'), 'run()');
    writeFileSync(join(folder, 'assets', 'plain.css'), 'p{}');
  }
  const server = new HttpServer({
    address: { host: '127.0.0.1', port: 0 },
    pages: {},
    more: (app) => addFiles(app, folder),
    ...options,
  });
  await server.listen();
  onTestFinished(() => server.close());
  const { origin } = new URL(server.url);
  const ask = async (path: string, init: RequestInit = {}) => {
    const response = await fetch(origin + path, { redirect: 'manual', ...init });
    return { status: response.status, headers: response.headers, body: await response.text() };
  };
  /** The path as it is, without the tidying that a browser does. */
  const askRaw = (path: string) =>
    new Promise<{ status: number | undefined; body: string }>((resolve, reject) => {
      request({ host: '127.0.0.1', port: new URL(origin).port, path, agent: false }, (response) => {
        let body = '';
        response.setEncoding('utf8').on('data', (chunk) => {
          body += chunk;
        });
        response.on('end', () => resolve({ status: response.statusCode, body }));
      })
        .on('error', reject)
        .end();
    });
  return { ask, askRaw };
}

const logIn = (token: string, headers: Record<string, string> = {}): RequestInit => ({
  method: 'POST',
  body: new URLSearchParams({ token }),
  headers,
});

describe('dashboard/files', () => {
  test('the page is served under a strict policy and not kept, files with a hash in their names are', async () => {
    const { ask } = await given();
    const page = await ask('/');
    expect([page.status, page.body, page.headers.get('content-type')]).toEqual([
      200,
      '<p>the page</p>',
      'text/html; charset=utf-8',
    ]);
    expect(page.headers.get('cache-control')).toBe('no-store');
    const policy = page.headers.get('content-security-policy') ?? '';
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("script-src 'self';");
    expect(policy).not.toContain('unsafe');
    const script = await ask('/assets/app-Ab3dE6_8.js');
    expect([script.body, script.headers.get('content-type')]).toEqual([
      'run()',
      'text/javascript; charset=utf-8',
    ]);
    expect(script.headers.get('cache-control')).toContain('immutable');
    expect(script.headers.get('x-content-type-options')).toBe('nosniff');
    expect((await ask('/assets/plain.css')).headers.get('cache-control')).toBe('no-store');
  });

  test('where the page was not built, that is what is served', async () => {
    const { ask } = await given({ isBuilt: false });
    expect((await ask('/')).body).toContain('was not built');
    expect((await ask('/assets/app-Ab3dE6_8.js')).status).toBe(404);
  });

  test('no path leads out of the files', async () => {
    const { askRaw } = await given();
    for (const path of [
      '/assets/../secret.json',
      '/assets/../../secret.json',
      '/assets/%2e%2e/secret.json',
      '/assets/..%2fsecret.json',
      '/assets/..%2f..%2fsecret.json',
      '/assets/%252e%252e%252fsecret.json',
      '/assets/..\\..\\secret.json',
      '/assets/..%5c..%5csecret.json',
      '/assets//etc/passwd',
      '/assets/%00',
      '/assets/plain.css%00.js',
      '/secret.json',
      '//secret.json',
      '/assets/',
      '/index.html',
    ]) {
      const { status, body } = await askRaw(path);
      expect([path, status]).toEqual([path, 404]);
      expect(body).not.toContain('secret"');
    }
  });

  test('with a base it is there, and the address without a slash leads to the one with it', async () => {
    const { ask } = await given({ base: '/shop/tributary' });
    expect((await ask('/shop/tributary/')).body).toBe('<p>the page</p>');
    const { status, headers } = await ask('/shop/tributary');
    expect([status, headers.get('location')]).toEqual([303, '/shop/tributary/']);
    expect((await ask('/shop/tributary/assets/plain.css')).status).toBe(200);
    expect((await ask('/assets/plain.css')).status).toBe(404);
  });
});

describe('http/login', () => {
  test('a browser is sent to the form, and the token gives it a cookie with which it is let in', async () => {
    const { ask } = await given({ token: TOKEN, base: '/shop' });
    const sent = await ask('/shop/', { headers: { accept: 'text/html,*/*' } });
    expect([sent.status, sent.headers.get('location')]).toEqual([303, '/shop/login']);
    const form = await ask('/shop/login');
    expect(form.status).toBe(200);
    expect(form.headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(form.body).not.toMatch(/<script|tributary/i);
    expect(form.headers.get('content-security-policy')).not.toMatch(/unsafe|script-src/);
    const done = await ask('/shop/login', logIn(TOKEN));
    expect([done.status, done.headers.get('location')]).toEqual([303, '/shop/']);
    const given2 = done.headers.get('set-cookie') ?? '';
    expect(given2).toMatch(
      /^tributary_[0-9a-f]{8}=\S+; Max-Age=43200; Path=\/shop; HttpOnly; SameSite=Strict$/,
    );
    expect(given2).not.toContain(TOKEN.slice(0, 7));
    const cookie = given2.split(';')[0] ?? '';
    expect((await ask('/shop/', { headers: { cookie } })).body).toBe('<p>the page</p>');
    expect((await ask('/shop/', { headers: { cookie: `a=b; ${cookie}; c=d` } })).status).toBe(200);
    const out = await ask('/shop/logout', { method: 'POST', headers: { cookie } });
    expect(out.headers.get('set-cookie')).toMatch(/^tributary_[0-9a-f]{8}=; Max-Age=0; Path=\/shop;/);
  });

  test('behind a proxy with https the cookie never goes over another connection', async () => {
    const { ask } = await given({ token: TOKEN });
    const { headers } = await ask('/login', logIn(TOKEN, { 'x-forwarded-proto': 'https' }));
    expect(headers.get('set-cookie')).toMatch(/; HttpOnly; Secure; SameSite=Strict$/);
  });

  test('a cookie that was altered, made up, prolonged, or made by another token is none', async () => {
    const { ask } = await given({ token: TOKEN });
    const other = await given({ token: `${TOKEN}2` });
    const cookieOf = async (server: typeof other, token: string) =>
      (await server.ask('/login', logIn(token))).headers.get('set-cookie')?.split(';')[0] ?? '';
    const cookie = await cookieOf({ ask } as typeof other, TOKEN);
    const foreign = await cookieOf(other, `${TOKEN}2`);
    const [name = '', value = ''] = cookie.split('=');
    const [end = '', nonce = '', mac = ''] = value.split('.');
    for (const wrong of [
      '',
      name,
      `${name}=`,
      `${name}=${TOKEN}`,
      `${name}=${end}.${nonce}`,
      `${name}=${(Number.parseInt(end, 36) + 1).toString(36)}.${nonce}.${mac}`,
      `${name}=${end}.${nonce.replace(/./, (first) => (first === '0' ? '1' : '0'))}.${mac}`,
      `${name}=${end}.${nonce}.${mac.replace(/./, (first) => (first === '0' ? '1' : '0'))}`,
      `${name}=${foreign.split('=')[1]}`,
      foreign,
    ])
      expect([wrong, (await ask('/', { headers: { cookie: wrong } })).status]).toEqual([wrong, 401]);
    expect((await ask('/', { headers: { cookie } })).status).toBe(200);
  });

  test('wrong tokens are limited, and the right one waits then, too; who is in stays in', async () => {
    const { ask } = await given({ token: TOKEN });
    const cookie = (await ask('/login', logIn(TOKEN))).headers.get('set-cookie')?.split(';')[0] ?? '';
    for (const wrong of ['', 'x', TOKEN.slice(1), `${TOKEN} `, ...Array(6).fill('guess')])
      expect((await ask('/login', logIn(wrong))).status).toBe(401);
    const refused = await ask('/login', logIn(TOKEN));
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '60']);
    expect(refused.headers.get('set-cookie')).toBeNull();
    expect((await ask('/', { headers: { cookie } })).status).toBe(200);
    expect((await ask('/', { headers: { authorization: `Bearer ${TOKEN}` } })).status).toBe(200);
  });

  test('what is no form, or a large one, is refused', async () => {
    const { ask } = await given({ token: TOKEN });
    const send = (body: string, type: string) =>
      ask('/login', { method: 'POST', body, headers: { 'content-type': type } });
    expect((await send('<token/>', 'application/xml')).status).toBe(415);
    expect((await send(`token=${'x'.repeat(2_000)}`, 'application/x-www-form-urlencoded')).status).toBe(413);
    expect((await send('token=a&token=b', 'application/x-www-form-urlencoded')).status).toBe(401);
    expect((await send('{"token":["x"]}', 'application/json')).status).toBe(401);
    expect((await send('null', 'application/json')).status).toBe(401);
  });

  test('without a token there is no form', async () => {
    const { ask } = await given();
    expect((await ask('/login')).status).toBe(404);
    expect((await ask('/login', logIn('x'))).status).toBeGreaterThanOrEqual(400);
  });
});

describe('server/guard', () => {
  test.each(['127.0.0.1:7717', '[::1]:7717', 'localhost:7717', 'shop.localhost', '10.0.0.9', 'LOCALHOST'])(
    'a browser may ask for %s',
    (host) => expect(foreignName({ host })).toBeUndefined(),
  );

  test.each(['evil.example', 'evil.example:7717', 'localhost.evil.example', '', '127.0.0.1.evil.example'])(
    'but not for %s, which may lead here',
    (host) => expect(foreignName({ host })).toContain('http.token'),
  );

  const own = { host: 'ops.example:8080', 'content-type': 'application/json', 'x-tributary': '1' };
  test.each([
    [own],
    [{ ...own, 'sec-fetch-site': 'same-origin', origin: 'https://shown.example' }],
    [{ ...own, origin: 'http://ops.example:8080' }],
    [{ ...own, origin: 'https://shown.example', 'x-forwarded-host': 'shown.example' }],
    [{ ...own, 'content-type': 'application/json; charset=utf-8' }],
  ])('what our page sends changes something: %#', (headers) => {
    expect(foreignSite(headers)).toBeUndefined();
  });

  test.each([
    [{ ...own, 'x-tributary': undefined }],
    [{ ...own, 'content-type': 'text/plain' }],
    [{ ...own, 'content-type': 'application/jsonp' }],
    [{ ...own, 'content-type': undefined }],
    [{ ...own, 'sec-fetch-site': 'cross-site' }],
    [{ ...own, 'sec-fetch-site': 'same-site' }],
    [{ ...own, 'sec-fetch-site': 'none' }],
    [{ ...own, origin: 'http://evil.example' }],
    [{ ...own, origin: 'http://ops.example' }],
    [{ ...own, origin: 'null' }],
  ])('what another site makes a browser send does not: %#', (headers) => {
    expect(foreignSite(headers)).toBeDefined();
  });
});
