// Literals and identifiers inside SQL text, where a parameter cannot stand (simple-protocol scripts, COPY).
import pg from 'pg';

/** A text literal, quoted. */
export const literal = (text: string): string => pg.escapeLiteral(text);

/** An identifier, always quoted. */
export const identifier = (name: string): string => pg.escapeIdentifier(name);
