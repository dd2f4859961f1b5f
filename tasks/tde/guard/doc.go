// Package guard holds what the plans of this house are made of: refusals with a way
// out, steps that tell refusals apart from failures, answers of the laptop as
// questions, and results' data. It decides nothing about keys or databases.
package guard
