import type { DealInput } from '../../../orbit/rules/deal.ts'

export declare function dealAgain(input: DealInput): { quorums: number[][]; reserves: number[][] }
