"""How cyclic a judge is: measured on a pool of responses, and written as JSON and as a page."""
