export function cutOf(partition: {
  map: string
  bits: number
  units: number
  leaves: number
}): { r: bigint; leaves: number }[]
