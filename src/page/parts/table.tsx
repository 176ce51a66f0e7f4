// A table that becomes a list of cards where the screen is narrow, and stays a table for those who hear it.
import type { ComponentChildren } from 'preact';

export interface TableColumn<Row> {
  readonly name: string;
  readonly isNumber?: boolean;
  readonly show: (row: Row) => ComponentChildren;
}

export function Table<Row>(props: {
  readonly caption: string;
  readonly columns: readonly TableColumn<Row>[];
  readonly rows: readonly Row[];
  readonly keyOf: (row: Row) => string;
  /** A class for the whole row. */
  readonly toneOf?: (row: Row) => string;
}) {
  const { caption, columns, rows, keyOf, toneOf } = props;
  // Roles are said though they are a table's own: a style that makes cards of the rows would take them away.
  return (
    <div class="scroll">
      <table role="table">
        <caption class="unseen">{caption}</caption>
        <thead role="rowgroup">
          <tr role="row">
            {columns.map(({ name, isNumber }) => (
              <th key={name} role="columnheader" scope="col" class={isNumber ? 'number' : ''}>
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody role="rowgroup">
          {rows.map((row) => (
            <tr key={keyOf(row)} role="row" class={toneOf?.(row) ?? ''}>
              {columns.map(({ name, isNumber, show }, at) =>
                at === 0 ? (
                  <th key={name} role="rowheader" scope="row">
                    {show(row)}
                  </th>
                ) : (
                  <td key={name} role="cell" data-name={name} class={isNumber ? 'number' : ''}>
                    {show(row)}
                  </td>
                ),
              )}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
