interface Class {
  readonly r: bigint
}
export const EVERYTHING: Class
export function cutter(bits: number): (top: Class | undefined, wanted: number) => Class[]
