// What `/livez` and `/readyz` answer: a document, and 503 where something is wrong.
import type { Page } from '../server/server.ts';

export const jsonPage = (isWell: boolean, document: object): Page => ({
  status: isWell ? 200 : 503,
  type: 'application/json; charset=utf-8',
  body: `${JSON.stringify(document)}\n`,
});
