# A regression on data that R brings along.
fit <- lm(dist ~ speed, data = cars)
cat(sprintf("hello from R %s.%s: dist = %.3f + %.3f * speed\n", R.version$major, R.version$minor,
            coef(fit)[[1]], coef(fit)[[2]]))
