import type { DealInput } from '../../../../orbit/rules/deal/deal.ts'

export declare function dealAgain(input: DealInput): { quorums: number[][]; reserves: number[][] }
