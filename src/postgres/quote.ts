// Literals and identifiers inside SQL text, where a parameter cannot stand (simple-protocol scripts, COPY).
import { driver } from './driver.ts';

/** A text literal, quoted. */
export const literal = (text: string): string => driver.escapeLiteral(text);

/** An identifier, always quoted. */
export const identifier = (name: string): string => driver.escapeIdentifier(name);
