model <- lm(dist ~ speed, cars)
cat(round(coef(model), 4), "\n")
cat(solve(matrix(c(2, 0, 0, 4), 2)), "\n")
