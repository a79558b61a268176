"""A compiled market in which many different minds learn against each other."""
