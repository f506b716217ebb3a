"""How a problem is computed: plans, costs, error bounds. Pure: nothing here imports a GPU library."""
