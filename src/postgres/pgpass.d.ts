// The types of pgpass, which brings none.
declare module 'pgpass' {
  export default function pgpass(
    connection: {
      readonly host: string;
      readonly port: number;
      readonly database: string;
      readonly user: string;
    },
    then: (password: string | undefined) => void,
  ): void;
}
