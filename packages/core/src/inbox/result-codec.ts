/** How the result of an idempotent function is kept, to be answered to duplicates. */
export interface ResultCodec<R> {
  /** Text without zero characters. It is kept as long as the record, so keep it small. */
  encode(result: R): string;
  decode(text: string): R;
}

const NO_RESULT = "";

/** JSON; `undefined` is kept as such. */
export const jsonResult: ResultCodec<unknown> = {
  encode: (result) => JSON.stringify(result) ?? NO_RESULT,
  decode: (text) => (text === NO_RESULT ? undefined : JSON.parse(text)),
};
